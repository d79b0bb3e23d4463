"""A process dies between a replace and its entry, or a swap fails: no entry is missing or there twice."""

import os
import threading
import time
from contextlib import nullcontext
from random import Random
from threading import Timer

import psycopg
import pyarrow as pa
import pytest
from dagster import (
    AssetsDefinition,
    DagsterInstance,
    ExecuteInProcessResult,
    MonthlyPartitionsDefinition,
    asset,
    materialize,
)

from taxi_assets.audit import PostgresJournal, journal
from taxi_assets.targets.io_manager import TargetIOManager
from taxi_assets.targets.journal import Entry
from taxi_assets.targets.lazy import LazyPartition
from taxi_assets.targets.postgres import PostgresTarget, swap
from taxi_assets.targets.postgres import target as postgres_target
from taxi_assets_tests.assets.graph import Graph
from taxi_assets_tests.assets.killing import run_apart
from taxi_assets_tests.audit.entries import assert_no_gap, entries

MONTH = "2024-01"


class Died(BaseException):
    """Stands for the end of the process: no handler for errors takes notice of it, and no retry helps."""


def dies_before_the_entry_of(target: str, patch: pytest.MonkeyPatch) -> None:
    """Let the process end when the entry of ``target`` is about to be written."""
    write = journal._PostgresPages.write

    def dying(self: journal._PostgresPages, entry: Entry, within: object = None) -> None:
        if entry.asset_key[0] == target and entry.finished and within is None:
            raise Died
        write(self, entry, within)

    patch.setattr(journal._PostgresPages, "write", dying)


@pytest.mark.parametrize("target", ["raw", "cleaned", "quarantined", "lake", "warehouse"])
def test_an_entry_that_a_death_kept_from_being_written_is_written_by_the_next_run(
    graph: Graph, target: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        dies_before_the_entry_of(target, patch)
        died = _run(graph)
    assert entries(graph.postgres_url, target) == []
    for _ in range(2):
        assert graph.run("green", MONTH).success
        first, *others = entries(graph.postgres_url, target)
        assert (first["run_id"], first["finished"]) == (died, None)
        assert first["rows_standing"]
        # What is cleaned is stored again with what is quarantined, which the dead run did not come to.
        assert len(others) == (target == "cleaned")
        assert sum(row["finished"] is None for row in entries(graph.postgres_url)) == 1
    assert_no_gap(graph.postgres_url)


def test_a_month_that_is_replaced_before_its_late_entry_was_written_has_both(graph: Graph) -> None:
    assert graph.run("green", MONTH).success
    graph.source_url = "synthetic?rows=900&seed=2"
    with pytest.MonkeyPatch.context() as patch:
        dies_before_the_entry_of("lake", patch)
        died = _run(graph)
    graph.source_url = "synthetic?rows=1200&seed=3"
    assert graph.run("green", MONTH).success
    assert [row["run_id"] == died for row in entries(graph.postgres_url, "lake")] == [False, True, False]
    assert_no_gap(graph.postgres_url)


@pytest.mark.parametrize("kills", [2, pytest.param(40, marks=pytest.mark.slow)])
def test_runs_killed_at_any_moment_leave_a_trail_without_a_gap(graph: Graph, kills: int) -> None:
    seed = int(os.environ.get("KILL_SEED", time.time_ns() % 2**32))
    print(f"KILL_SEED={seed}")  # noqa: T201 - pytest shows it when the test fails
    random = Random(seed)
    assert graph.run("green", MONTH, MONTH).success
    for generation in range(1, kills + 1):
        graph.source_url = f"synthetic?rows={1500 + 10 * generation}&seed={generation}"
        with run_apart(graph, MONTH, MONTH) as (process, says):
            assert says.recv() == "go"
            killer = Timer(random.uniform(0.1, 0.9), process.kill)
            killer.start()
            process.join()
            killer.cancel()
        if generation % 2:  # the run after the death loads the same file, or the next one
            assert graph.run("green", MONTH, MONTH).success
    graph.source_url = "synthetic?rows=3000&seed=0"
    assert graph.run("green", MONTH, MONTH).success
    assert_no_gap(graph.postgres_url)


def test_a_swap_that_fails_after_the_entry_was_written_leaves_neither(postgres_url: str) -> None:
    assert _load(postgres_url, 10).success
    (before,) = entries(postgres_url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(swap, "_rename", _failing)
        assert not _load(postgres_url, 20).success
    assert entries(postgres_url) == [before]
    assert _rows(postgres_url) == 10
    assert _load(postgres_url, 30).success
    assert [(row["rows_replaced"], row["rows_standing"]) for row in entries(postgres_url)] == [
        (None, 10),
        (10, 30),
    ]


def test_a_swap_that_is_tried_again_and_again_is_entered_once(postgres_url: str) -> None:
    assert _load(postgres_url, 10).success
    with psycopg.connect(postgres_url) as reader:
        reader.execute("SELECT FROM taxi.green_trips LIMIT 1")  # holds the table until the transaction ends
        loading = threading.Thread(target=_load, args=(postgres_url, 20))
        loading.start()
        loading.join(1.5)
        assert loading.is_alive(), "the swap waits for the reader"
        assert len(entries(postgres_url)) == 1
    loading.join(30)
    assert [row["rows_standing"] for row in entries(postgres_url)] == [10, 20]
    assert_no_gap(postgres_url)


def test_a_swap_whose_outcome_got_lost_is_entered_once(postgres_url: str) -> None:
    with DagsterInstance.ephemeral() as instance, pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgres_target, "swap", _swapped_and_died)
        assert not _load(postgres_url, 10, instance).success
        patch.undo()
        assert _load(postgres_url, 10, instance).success
    (row,) = entries(postgres_url)
    assert (row["rows_standing"], row["finished"] is None) == (10, False)


def _run(graph: Graph) -> str:
    """A run that dies, and its id."""
    result = graph.run("green", MONTH)
    assert not result.success
    return result.run_id


def _failing(*_: object) -> None:
    raise RuntimeError("the server went away")


def _swapped_and_died(*arguments: object) -> None:
    swap.swap(*arguments)  # type: ignore[arg-type]
    raise Died


def _trips(rows: int) -> AssetsDefinition:
    @asset(key=["postgres", "green_trips"], partitions_def=MonthlyPartitionsDefinition(MONTH, fmt="%Y-%m"))
    def green() -> LazyPartition:
        return _lazy(rows)

    return green


def _lazy(rows: int) -> LazyPartition:
    table = pa.table({"fare": pa.array(range(rows), pa.int64())})
    return LazyPartition(open=lambda: nullcontext(table), facts={"version": str(rows)})


def _load(url: str, rows: int, instance: DagsterInstance | None = None) -> ExecuteInProcessResult:
    """One month straight into Postgres, with the trail beside it."""
    target = PostgresTarget(url=url)
    manager = TargetIOManager(target=target, journal=PostgresJournal(postgres=target))
    return materialize(
        [_trips(rows)],
        resources={"io_manager": manager},
        partition_key=MONTH,
        instance=instance,
        raise_on_error=False,
    )


def _rows(url: str) -> int:
    with psycopg.connect(url) as connection:
        (count,) = connection.execute("SELECT count(*) FROM taxi.green_trips").fetchone() or (0,)
    return int(count)
