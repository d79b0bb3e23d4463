"""Dagster's own storage is lost: what the stores hold is told anew, and nothing is loaded."""

import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from dagster import AssetRecordsFilter, ExecuteInProcessResult
from rich.console import Console

from taxi_assets.instance import open_instance
from taxi_assets.recovery.register import TAG, run_register
from taxi_assets_tests.assets.graph import TARGETS, Graph, materializations, shown, statuses, trips
from taxi_assets_tests.recovery import damage
from taxi_assets_tests.recovery.conftest import SMALL
from taxi_assets_tests.recovery.healing import Healer, found, reconcile

COSTS = {"seconds", "seconds_by_phase", "rows_per_second", "rows_replaced", "dagster/size_bytes"}
STAGES = ("raw", "cleaned", "quarantined", *TARGETS)
MONTHS = ["2023-01", "2023-02"]


@dataclass(frozen=True)
class Lost:
    """Two months in every store, loaded by a run whose history is gone; the instance knows nothing."""

    graph: Graph
    run: ExecuteInProcessResult


@pytest.fixture
def lost(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lost]:
    monkeypatch.setenv("DAGSTER_HOME", "")  # so that it is put back: opening an instance sets it
    graph = Graph(tmp_path / "home", postgres_url, SMALL)
    with open_instance(graph.settings) as instance:
        run = replace(graph, instance=instance).run("green", *MONTHS)
    assert run.success
    shutil.rmtree(graph.settings.dagster_home)
    with open_instance(graph.settings) as instance:
        yield Lost(replace(graph, instance=instance), run)


@pytest.fixture
def graph(lost: Lost) -> Graph:
    return lost.graph


def register(graph: Graph) -> tuple[int, str]:
    """Exit status and what was printed."""
    printed = io.StringIO()
    return run_register(graph.settings, Console(file=printed, width=110)), printed.getvalue()


def test_a_history_that_is_lost_is_told_anew_out_of_the_stores(graph: Graph) -> None:
    assert {kind for *_, kind in found(reconcile(graph)[0])} == {"unrecorded"}
    assert Healer(graph).look() == [], "there is nothing to load"

    status, printed = register(graph)
    assert status == 0
    lines = [line.split() for line in printed.splitlines() if line.startswith("green")]
    assert lines == [["green", stage, "2", "0", "2"] for stage in STAGES]
    assert "12 months registered" in printed
    assert all(graph.recorded(trips(stage, "green")) == MONTHS for stage in STAGES)
    comparison, check = reconcile(graph)
    assert (comparison.clean, check.passed) == (True, True)

    again = graph.run("green", *MONTHS)
    assert again.success
    assert statuses(again, "raw") == dict.fromkeys(MONTHS, "unchanged")
    for stage in STAGES[1:]:
        assert statuses(again, stage) == dict.fromkeys(MONTHS, "already current")


def test_what_is_told_is_what_a_run_would_have_told_and_told_once(lost: Lost) -> None:
    assert "12 months registered" in register(lost.graph)[1]
    assert "0 months registered" in register(lost.graph)[1]
    for stage in STAGES:
        wanted = AssetRecordsFilter(trips(stage, "green"), asset_partitions=[MONTHS[0]])
        (record,) = lost.graph.instance.fetch_materializations(wanted, limit=9).records
        told = record.asset_materialization
        assert told
        assert TAG in (told.tags or {})
        unknown = {"status", "samples", "preview", *COSTS} - (
            {"dagster/size_bytes"} if stage == "raw" else set()
        )
        said = {name: value for name, value in shown(told).items() if name != "status"}
        by_run = shown(materializations(lost.run, stage)[MONTHS[0]])
        assert said == {name: value for name, value in by_run.items() if name not in unknown}


def test_a_store_that_is_down_is_said_and_the_others_are_told_of(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, graph.postgres_url = graph.postgres_url, "postgresql://ana:s3cret@127.0.0.1:1/taxi"
    status, printed = register(graph)
    assert status == 1
    assert "10 months registered" in printed
    assert "green/postgres could not be asked" in printed
    assert "s3cret" not in printed
    graph.postgres_url = url
    assert register(graph)[0] == 0
    assert graph.recorded(trips("postgres", "green")) == MONTHS


def test_a_file_that_is_lost_with_the_history_is_missed_for_what_was_made_of_it(graph: Graph) -> None:
    damage.delete_raw(graph, "green", MONTHS[0])
    damage.delete_cleaned(graph, "green", MONTHS[1])
    register(graph)
    assert found(reconcile(graph)[0]) == {
        ("green", "raw", MONTHS[0], "lost"),
        ("green", "cleaned", MONTHS[1], "lost"),
    }
    assert [one.what[1] for one in Healer(graph).heal()] == [("raw",), ("cleaned", "quarantined")]
    assert reconcile(graph)[0].clean
