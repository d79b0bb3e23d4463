"""A check that runs while another run replaces its month leaves the verdict, and the news, to that run."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import psycopg
import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    DagsterRunStatus,
    ExecuteInProcessResult,
)
from dagster._core.test_utils import create_run_for_test

from taxi_assets.run_tags import PARTITION
from taxi_assets.targets.parquet import ParquetTarget
from taxi_assets.targets.target import Totals
from taxi_assets_tests.alerts.receiver import Receiver
from taxi_assets_tests.alerts.watcher import Watcher
from taxi_assets_tests.assets.graph import TARGETS, Graph, publish, trips

BEFORE, MONTH, AFTER = "2024-01", "2024-02", "2024-03"
STAGES = ("raw", "cleaned", "quarantined", *TARGETS)
ERROR, WARN = AssetCheckSeverity.ERROR, AssetCheckSeverity.WARN


@pytest.fixture(autouse=True)
def loaded(graph: Graph, watcher: Watcher) -> None:
    """All three months are in every target."""
    assert graph.run("green", BEFORE, AFTER, only=STAGES).success
    watcher.tick()


@pytest.fixture
def overtaken(graph: Graph, loaded: None, source: Path, watcher: Watcher, receiver: Receiver) -> None:
    """As far as another run has come: the month is fetched and cleaned anew, and no target has it."""
    publish(source, "green", MONTH, rows=310, seed=2)
    assert graph.run("green", MONTH, only=["raw", "cleaned", "quarantined"]).success
    watcher.tick()
    assert [message.title for message in receiver.take()] == [
        f"green {MONTH} was re-published: 300 -> 310 rows"
    ]


@contextmanager
def another_run(graph: Graph, status: DagsterRunStatus = DagsterRunStatus.STARTED) -> Iterator[str]:
    """A run of the month's targets beside the test's; gives its id."""
    run = create_run_for_test(
        graph.instance,
        job_name="green_trips",
        status=status,
        tags={PARTITION: MONTH},
        asset_selection=frozenset(trips(target, "green") for target in TARGETS),
    )
    yield run.run_id
    graph.instance.delete_run(run.run_id)


def judged(result: ExecuteInProcessResult, month: str | None = MONTH) -> list[AssetCheckEvaluation]:
    """What was found of a month's targets."""
    found = result.get_asset_check_evaluations()
    return [one for one in found if one.check_name == "matches_cleaned" and one.partition == month]


def found(result: ExecuteInProcessResult, month: str | None = MONTH) -> set[tuple[bool, AssetCheckSeverity]]:
    return {(one.passed, one.severity) for one in judged(result, month)}


def test_a_difference_that_another_run_is_to_end_is_a_warning_and_nobody_is_told(
    graph: Graph, overtaken: None, watcher: Watcher, receiver: Receiver
) -> None:
    with another_run(graph) as run_id:
        result = graph.check("green", MONTH)
    assert result.success
    assert len(judged(result)) == len(TARGETS)
    for one in judged(result):
        assert (one.passed, one.severity) == (False, WARN)
        assert f"of another version than cleaned; run {run_id[:8]} is to load it" in str(one.description)
        assert one.metadata["judged_by"].value == run_id
    assert graph.run("green", MONTH, only=TARGETS).success
    watcher.tick()
    assert receiver.take() == []


def test_a_run_that_has_ended_excuses_no_difference(
    graph: Graph, overtaken: None, watcher: Watcher, receiver: Receiver
) -> None:
    with another_run(graph, DagsterRunStatus.FAILURE):
        result = graph.check("green", MONTH)
        assert not result.success
        assert found(result) == {(False, ERROR)}
        watcher.tick()
    told = "check lake matches_cleaned, postgres matches_cleaned and warehouse matches_cleaned failed"
    assert f"green {MONTH}: {told}" in receiver.titles()


def test_a_run_that_replaces_both_between_the_two_queries_makes_no_difference(
    graph: Graph, loaded: None, source: Path
) -> None:
    class Overtaken(ParquetTarget):
        def totals(self, table: str, partition: date | None, columns: Sequence[str]) -> Totals:
            told = super().totals(table, partition, columns)
            if meanwhile:
                meanwhile.pop()()
            return told

    def replace_both() -> None:
        publish(source, "green", MONTH, rows=310, seed=2)
        assert graph.run("green", MONTH, only=STAGES).success

    meanwhile = [replace_both]
    lake = Overtaken(url=graph.settings.lake_url)
    result = graph.check("green", MONTH, name="matches_cleaned", resources={"lake": lake})
    assert not meanwhile
    assert result.success
    assert found(result) == {(True, ERROR)}


def test_a_store_whose_rows_were_changed_is_told_of_whatever_runs(
    graph: Graph, watcher: Watcher, receiver: Receiver
) -> None:
    lose_a_row(graph, MONTH)
    with another_run(graph):
        assert not graph.check("green", MONTH).success
    watcher.tick()
    assert receiver.titles() == [f"green {MONTH}: check postgres matches_cleaned failed"]


def test_of_many_months_those_that_another_run_replaces_warn_and_the_others_are_judged(
    graph: Graph, overtaken: None, watcher: Watcher, receiver: Receiver
) -> None:
    with another_run(graph):
        result = graph.check("green", BEFORE, AFTER)
        assert result.success
        assert found(result) == found(result, None) == {(False, WARN)}
        assert found(result, BEFORE) == found(result, AFTER) == {(True, ERROR)}
        watcher.tick()
        assert receiver.take() == []

        lose_a_row(graph, AFTER)
        result = graph.check("green", BEFORE, AFTER)
    assert not result.success
    assert found(result, None) == {(False, WARN), (False, ERROR)}
    watcher.tick()
    assert receiver.titles() == [f"green {AFTER}: check postgres matches_cleaned failed"]


def lose_a_row(graph: Graph, month: str) -> None:
    with psycopg.connect(graph.postgres_url) as connection:
        connection.execute(
            "DELETE FROM taxi.green_trips WHERE trip_month = %(month)s AND ctid = "
            "(SELECT min(ctid) FROM taxi.green_trips WHERE trip_month = %(month)s)",
            {"month": f"{month}-01"},
        )
