"""Backfills through the UI's GraphQL and the daemon: progress by month, cancel, power cut, order."""

from collections.abc import Iterable

import pytest
from dagster import DagsterRunStatus

from taxi_assets_tests.assets.graph import TARGETS, Graph, months, trips
from taxi_assets_tests.daemon.conftest import stores_of
from taxi_assets_tests.daemon.published import PublishedMonths
from taxi_assets_tests.servers.dagster_dev import DagsterDev
from taxi_assets_tests.servers.faults import slow

CHAIN = [f"{stage}/green_trips" for stage in ("raw", "cleaned", "quarantined", *TARGETS)]
_STATUS = """query ($id: String!) { partitionBackfillOrError(backfillId: $id) {
  ... on PartitionBackfill { status } } }"""
_CANCEL = "mutation ($id: String!) { cancelPartitionBackfill(backfillId: $id) { __typename } }"
_PROGRESS = """query ($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
  partitionStats { numMaterialized numMaterializing numFailed } } } }"""
_ON_THE_WAY = [DagsterRunStatus.QUEUED, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED]


@pytest.fixture(scope="module")
def settings(tlc: PublishedMonths) -> dict[str, str]:
    """Three months a run; the sensors ask for nothing of their own, as their months are far away."""
    return {
        "TAXI_SOURCE_URL": tlc.cdn.trip_data,
        "TAXI_MONTHS_PER_RUN": "green=3",
        "TAXI_POLL_SECONDS": "1800",
    }


def status(system: DagsterDev, backfill: str) -> str:
    return str(system.ask(_STATUS, id=backfill)["partitionBackfillOrError"]["status"])


def months_done(system: DagsterDev, stage: str) -> int:
    """How many months the UI shows as materialized."""
    answer = system.ask(_PROGRESS, key={"path": [stage, "green_trips"]})["assetNodeOrError"]
    return int(answer["partitionStats"]["numMaterialized"])


def done(system: DagsterDev, stage: str, keys: list[str]) -> set[str]:
    with system.instance() as instance:
        return instance.get_materialized_partitions(trips(stage, "green")) & set(keys)


def publish_slowly(tlc: PublishedMonths, keys: list[str]) -> None:
    """Each month's download takes half a second, so that there is a middle to die in."""
    tlc.publish("green", *keys)
    for key in keys:
        tlc.next_answers("green", key, slow(piece=20_000, pause=0.1))


def assert_whole(stores: Graph, keys: list[str]) -> None:
    """Every month stands in every store with its cleaned rows, once."""
    cleaned = {month: stores.lake_rows("cleaned", "green", month).total() for month in keys}
    for found in stores.counts("green").values():
        assert {month: rows for month, rows in found.items() if month in keys} == cleaned
    assert all(rows > 1900 for rows in cleaned.values())


def fetched(tlc: PublishedMonths, keys: Iterable[str]) -> dict[str, int]:
    """How often each month's bytes were asked for."""
    return {key: len(tlc.downloads("green", key)) for key in keys}


@pytest.mark.slow
def test_a_power_cut_in_a_backfill_loses_and_repeats_no_finished_month(
    system: DagsterDev, tlc: PublishedMonths
) -> None:
    keys = months("2022-01", "2022-12")
    publish_slowly(tlc, keys)
    backfill = system.backfill(CHAIN, keys)
    shown = set()

    def under_way() -> bool:
        shown.add(months_done(system, "raw"))
        return len(done(system, "raw", keys)) >= 4

    system.wait(under_way, within=120)
    assert len(shown) >= 3, f"the UI showed {sorted(shown)} months done on the way"
    system.kill()
    finished = done(system, "raw", keys)
    assert len(finished) < len(keys), "it was cut on the way"

    before = fetched(tlc, finished)

    system.start()
    system.wait(lambda: status(system, backfill) == "COMPLETED_SUCCESS", within=300)
    assert fetched(tlc, finished) == before, "a finished month was repeated"
    with stores_of(system.home) as stores:
        assert_whole(stores, keys)
    left = system.runs(*_ON_THE_WAY, **{"dagster/backfill": backfill})
    assert left == [], "nothing of it is left in the queue"


@pytest.mark.slow
def test_a_canceled_backfill_keeps_what_is_finished_and_a_second_one_repeats_none_of_it(
    system: DagsterDev, tlc: PublishedMonths
) -> None:
    keys = months("2019-01", "2020-12")
    publish_slowly(tlc, keys)
    backfill = system.backfill(CHAIN, keys)
    system.wait(lambda: len(done(system, "raw", keys)) >= 3, within=120)
    system.ask(_CANCEL, id=backfill)
    system.wait(lambda: status(system, backfill) == "CANCELED", within=120)
    runs = [run for run in system.runs() if run.tags.get("dagster/backfill") == backfill]
    assert DagsterRunStatus.CANCELED in {run.status for run in runs}
    finished = done(system, "raw", keys)
    assert 3 <= len(finished) < len(keys), "it was canceled on the way"

    before = fetched(tlc, finished)

    again = system.backfill(CHAIN, keys)
    system.wait(lambda: status(system, again) == "COMPLETED_SUCCESS", within=300)
    assert fetched(tlc, finished) == before, "a finished month was repeated"
    with stores_of(system.home) as stores:
        assert_whole(stores, keys)
