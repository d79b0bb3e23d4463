"""A backfill over three workers, of which one dies and one is cut off and comes back."""

from collections.abc import Callable
from itertools import chain

import pytest
from dagster import AssetKey, DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

from taxi_assets_tests.assets.graph import TARGETS, months, trips
from taxi_assets_tests.scale.cluster import Cluster
from taxi_assets_tests.scale.stores import Stores

CHAIN = [f"{stage}/green_trips" for stage in ("raw", "cleaned", "quarantined", *TARGETS)]
FORTY = months("2019-01", "2022-04")
ROWS = 2000
_STATUS = """query ($id: String!) { partitionBackfillOrError(backfillId: $id) {
  ... on PartitionBackfill { status } } }"""
_TERMINATE = "mutation ($id: String!) { terminateRun(runId: $id) { __typename } }"
_LONG = 1200  # seconds for what takes 3 minutes on a machine that has nothing else to do


def status_of(running: Cluster, backfill: str) -> str:
    return str(running.system.ask(_STATUS, id=backfill)["partitionBackfillOrError"]["status"])


def run_of(running: Cluster, run_id: str) -> DagsterRun:
    with running.system.instance() as instance:
        found = instance.get_run_by_id(run_id)
        assert found is not None
        return found


def in_the_middle(running: Cluster, number: int) -> str:
    """The run that a worker works on, as soon as one of its months is cleaned and others are not."""
    name = running.workers[number].name

    def under_way() -> str | None:
        with running.system.instance() as instance:
            for run_id in running.working().get(name, []):
                events = instance.all_logs(run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)
                stages = [event.get_dagster_event().asset_key.path[0] for event in events]  # type: ignore[union-attr]
                if "cleaned" in stages and "postgres" not in stages:
                    return run_id
        return None

    return running.system.wait(under_way, within=_LONG) or ""


def retried(running: Cluster, run_id: str) -> Callable[[], bool]:
    """Whether another run has done the work of one that was given up."""

    def done() -> bool:
        with running.system.instance() as instance:
            group = instance.get_runs(
                RunsFilter(tags={"dagster/root_run_id": run_of(running, run_id).root_run_id or run_id})
            )
        return any(run.status == DagsterRunStatus.SUCCESS for run in group)

    return done


def last_comparison(instance: DagsterInstance) -> dict[str, object]:
    event = instance.get_latest_materialization_event(AssetKey("reconciliation"))
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


@pytest.mark.slow
def test_a_run_that_a_person_cancels_on_a_worker_is_canceled_and_not_started_again(
    three_workers: Cluster,
) -> None:
    running, system = three_workers, three_workers.system
    keys = months("2015-01", "2015-04")
    running.publish(keys, ROWS)
    backfill = system.backfill(CHAIN, keys)
    (run_id,) = system.wait(lambda: list(chain.from_iterable(running.working().values())), _LONG)
    system.wait(lambda: run_of(running, run_id).status == DagsterRunStatus.STARTED, _LONG)
    answer = system.ask(_TERMINATE, id=run_id)["terminateRun"]
    assert answer["__typename"] == "TerminateRunSuccess"
    system.wait(lambda: run_of(running, run_id).is_finished, _LONG)
    assert run_of(running, run_id).status == DagsterRunStatus.CANCELED
    system.wait(lambda: status_of(running, backfill).startswith("COMPLETED"), _LONG)
    assert [run.run_id for run in system.runs(**{"dagster/backfill": backfill})] == [run_id]


@pytest.mark.slow
@pytest.mark.parametrize(("lost", "keys"), [("cut_off", FORTY), ("asleep", FORTY[:24])])
def test_a_backfill_outlives_a_worker_that_is_killed_and_one_that_is_lost_and_comes_back(
    three_workers: Cluster, lost: str, keys: list[str]
) -> None:
    running, system = three_workers, three_workers.system
    running.publish(keys, ROWS)
    backfill = system.backfill(CHAIN, keys)

    killed = in_the_middle(running, 1)
    running.workers[1].kill()

    cut_off = in_the_middle(running, 2)
    machine = running.workers[2].machine
    (machine.cut_off if lost == "cut_off" else machine.fall_asleep)()
    assert run_of(running, cut_off).status == DagsterRunStatus.STARTED

    for run_id in (killed, cut_off):
        system.wait(lambda run_id=run_id: run_of(running, run_id).status == DagsterRunStatus.FAILURE, _LONG)  # type: ignore[misc]
    system.wait(retried(running, cut_off), _LONG)
    assert running.workers[2].name not in running.working()
    (machine.plug_in if lost == "cut_off" else machine.wake_up)()

    system.wait(lambda: status_of(running, backfill) == "COMPLETED_SUCCESS", _LONG)
    system.wait(lambda: running.working().get(running.workers[2].name) == [], _LONG)
    assert run_of(running, cut_off).status == DagsterRunStatus.FAILURE

    stores = Stores(running)
    assert {month: len(files) for month, files in stores.files("raw").items()} == dict.fromkeys(keys, 1)
    cleaned = stores.in_lake("cleaned")
    assert sorted(cleaned) == keys
    assert all(rows.total() > 0.9 * ROWS for rows in cleaned.values())
    assert stores.in_lake("lake") == cleaned
    assert stores.in_postgres() == cleaned
    assert stores.in_warehouse() == cleaned
    with system.instance() as instance:
        for stage in ("raw", "cleaned", "quarantined", *TARGETS):
            assert set(keys) <= instance.get_materialized_partitions(trips(stage, "green"))

    reconciled = system.launch("reconcile")
    system.wait(lambda: run_of(running, reconciled).is_finished, _LONG)
    with system.instance() as instance:
        found = last_comparison(instance)
    assert found["differences"] == "none"
    assert found["months"] == len(keys) * len(CHAIN)
