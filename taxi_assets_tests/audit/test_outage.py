"""The trail can't be reached: stores elsewhere get their month all the same, and the entries follow."""

import pytest

from taxi_assets.audit.journal import _PostgresPages
from taxi_assets_tests.assets.graph import Graph, materializations
from taxi_assets_tests.audit.entries import assert_no_gap, entries

MONTH = "2024-01"
ELSEWHERE = ["cleaned", "lake", "quarantined", "raw", "warehouse"]


@pytest.fixture
def during_an_outage(graph: Graph) -> None:
    """A month is loaded while Postgres is down; afterwards it is up again."""
    url, graph.postgres_url = graph.postgres_url, "postgresql://127.0.0.1:1/taxi"
    result = graph.run("green", MONTH)
    assert not result.success, "Postgres itself has no month"
    stored = {stage for stage in (*ELSEWHERE, "postgres") if MONTH in materializations(result, stage)}
    assert stored == set(ELSEWHERE), "an outage of Postgres costs nobody else the month"
    graph.postgres_url = url


def test_entries_that_could_not_be_written_are_written_by_the_next_run(
    graph: Graph, during_an_outage: None
) -> None:
    assert graph.run("green", MONTH).success
    written = entries(graph.postgres_url)
    assert sorted(row["target"] for row in written) == sorted([*ELSEWHERE, "postgres"])
    assert {row["target"] for row in written if row["finished"] is None} == set(ELSEWHERE)
    assert_no_gap(graph.postgres_url)


def caught_up(graph: Graph) -> int:
    """Compare; returns how many entries that wrote."""
    job = graph.definitions.resolve_job_def("reconcile")
    result = job.execute_in_process(instance=graph.instance)
    (told,) = result.asset_materializations_for_node("reconciliation")
    return int(str(told.metadata["audit_entries_caught_up"].value))


def test_entries_that_could_not_be_written_are_written_by_the_nightly_comparison(
    graph: Graph, during_an_outage: None
) -> None:
    assert caught_up(graph) == len(ELSEWHERE)
    assert sorted(row["target"] for row in entries(graph.postgres_url)) == ELSEWHERE
    assert caught_up(graph) == 0


def test_a_comparison_asks_the_trail_once_for_all_months(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert graph.run("green", MONTH).success

    def knows(_: _PostgresPages, load_id: str) -> bool:
        raise AssertionError(f"{load_id} was asked for by itself")

    monkeypatch.setattr(_PostgresPages, "knows", knows)
    assert caught_up(graph) == 0
