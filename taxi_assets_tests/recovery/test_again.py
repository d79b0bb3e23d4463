"""After its runs, ``heal`` has the stores compared once more, and does not try at once what did not help."""

import json

from dagster import DagsterRunStatus, RunRequest
from dagster._core.test_utils import create_run_for_test

from taxi_assets.alerts.outbox import Unsent
from taxi_assets.recovery.compared import newest_comparison
from taxi_assets.recovery.memory import HealMemory
from taxi_assets.run_tags import RUN_KEY
from taxi_assets_tests.assets.graph import Graph
from taxi_assets_tests.recovery import damage
from taxi_assets_tests.recovery.conftest import MONTHS
from taxi_assets_tests.recovery.healing import Healer, reconcile


def ended(graph: Graph, request: RunRequest, status: DagsterRunStatus) -> None:
    """A run as Dagster's daemon makes it of a request, without its work."""
    tags = {RUN_KEY: str(request.run_key)}
    create_run_for_test(graph.instance, job_name=str(request.job_name), tags=tags, status=status)


def compared(graph: Graph, request: RunRequest) -> None:
    """The comparison that was asked for."""
    job = graph.definitions.resolve_job_def(str(request.job_name))
    tags = {RUN_KEY: str(request.run_key)}
    assert job.execute_in_process(instance=graph.instance, tags=tags, raise_on_error=False)


def test_the_stores_are_compared_again_once_when_all_runs_have_ended(graph: Graph) -> None:
    assert graph.run("green", *MONTHS).success
    damage.delete_warehouse_rows(graph, "green", MONTHS[0])
    damage.delete_lake(graph, "green", MONTHS[1])
    reconcile(graph)
    healer = Healer(graph)
    first, second = healer.look()
    ended(graph, first, DagsterRunStatus.SUCCESS)
    ended(graph, second, DagsterRunStatus.STARTED)
    assert healer.look() == [], "one is still at work"
    (run,) = [run for run in graph.instance.get_runs() if run.status == DagsterRunStatus.STARTED]
    graph.instance.report_run_failed(run)
    (again,) = healer.look()
    assert (again.job_name, again.asset_selection) == ("reconcile", None)
    assert healer.look() == []


def test_what_did_not_help_is_left_for_the_night(graph: Graph) -> None:
    assert graph.run("green", *MONTHS).success
    damage.delete_lake(graph, "green", MONTHS[0])
    reconcile(graph)
    healer = Healer(graph)
    (request,) = healer.look()
    ended(graph, request, DagsterRunStatus.FAILURE)
    (again,) = healer.look()
    compared(graph, again)
    newest = newest_comparison(graph.instance)
    assert newest is not None
    assert newest.run_id == graph.instance.get_runs(limit=1)[0].run_id
    assert [one.stage for one in newest.found.differences] == ["lake"]
    assert healer.look() == [], "it failed a minute ago"
    reconcile(graph)  # the nightly one
    assert len(healer.look()) == 1


def test_a_cursor_that_nobody_understands_is_a_new_beginning() -> None:
    for garbage in ("", "{", "[]", '{"attempts": {"a": 1}}', '{"attempts": {}, "comparison": 1}', "null"):
        assert HealMemory.read(garbage) == HealMemory()
    memory = HealMemory(7, settled=False, mending=True)
    memory.outbox.add([Unsent(title="left to you", body="the lake", kind="failure", receivers=[1])])
    memory.outbox.dropped, memory.outbox.refused = {1: 3}, [1]
    assert HealMemory.read(memory.write()) == memory


EARLIER = {
    "comparison": 7,
    "settled": True,
    "mending": False,
    "attempts": {"green/lake": {"2022-01": [[], 7, True]}},
}


def test_messages_in_an_earlier_cursor_are_still_to_be_sent() -> None:
    unsent = {"title": "left to you", "body": "the lake", "kind": "failure", "receivers": [1]}
    memory = HealMemory.read(json.dumps({**EARLIER, "outbox": [unsent], "dropped": {}}))
    assert memory.outbox.messages == [Unsent.model_validate(unsent)]
    assert memory.attempts["green/lake"]["2022-01"].told


def test_of_an_earlier_cursor_all_is_known_unless_words_in_it_were_still_to_be_sent() -> None:
    assert HealMemory.read(json.dumps({**EARLIER, "unsent": []})).attempts["green/lake"]["2022-01"].told
    assert HealMemory.read(json.dumps({**EARLIER, "unsent": ["lake/green_trips ..."]})) == HealMemory()
