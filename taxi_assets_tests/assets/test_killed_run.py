"""A run is killed at any moment: every reader sees whole months, and the same run again completes them all.

Each kill is SIGKILL after a random part of the time that an undisturbed run takes. The seed is in the
failure's output; ``KILL_SEED`` repeats it.
"""

import os
import time
from random import Random
from threading import Timer

import psycopg
import pytest

from taxi_assets_tests.assets.graph import TARGETS, Graph, months
from taxi_assets_tests.assets.killing import run_apart

FIRST, LAST = "2024-01", "2024-02"
BOTH = months(FIRST, LAST)


@pytest.mark.parametrize("kills", [3, pytest.param(40, marks=pytest.mark.slow)])
def test_a_run_killed_at_any_moment_is_completed_by_the_next(graph: Graph, kills: int) -> None:
    seed = int(os.environ.get("KILL_SEED", time.time_ns() % 2**32))
    print(f"KILL_SEED={seed}")  # noqa: T201 - pytest shows it when the test fails
    random = Random(seed)
    old = _complete(graph, 0)
    usual = 0.0
    for generation in range(1, kills + 1):
        graph.source_url = _source(generation)
        seen = _killed_after(graph, usual * random.uniform(0, 1.1) if usual else 0.5)
        began = time.monotonic()
        new = _complete(graph, generation)
        usual = usual or time.monotonic() - began
        for target, counts in seen:
            for month, count in zip(BOTH, counts, strict=True):
                assert count in {old[month], new[month]}, f"{target} showed {count} rows of {month}"
        old = new
    graph.source_url = _source(kills + 1)
    assert graph.run("green", FIRST, LAST).success
    assert _left_over(graph) == []


def _source(generation: int) -> str:
    """Each generation has another number of rows, so that one can be told from the other by counting."""
    return f"synthetic?rows={1500 + 10 * generation}&seed={generation}"


def _complete(graph: Graph, generation: int) -> dict[str, int]:
    """Run to the end; proves that every target holds the cleaned months, and returns their rows."""
    graph.source_url = _source(generation)
    with run_apart(graph, FIRST, LAST) as (_, says):
        assert says.recv() == "go"
        assert says.recv() is True
    cleaned = {month: graph.lake_rows("cleaned", "green", month) for month in BOTH}
    for month in BOTH:
        assert graph.targets("green", month) == dict.fromkeys(TARGETS, cleaned[month])
        assert cleaned[month].total() <= 1500 + 10 * generation
    return {month: rows.total() for month, rows in cleaned.items()}


def _killed_after(graph: Graph, seconds: float) -> set[tuple[str, tuple[int, ...]]]:
    """Kill a run that long after its start; what a reader saw meanwhile and afterwards."""
    seen = set()
    with run_apart(graph, FIRST, LAST) as (process, says):
        assert says.recv() == "go"
        killer = Timer(seconds, process.kill)
        killer.start()
        while killer.is_alive():
            seen.add(("postgres", _months(graph.postgres_counts("green"))))
            seen.add(("lake", _months(graph.lake_counts("green"))))
        killer.join()
        process.join()
    # DuckDB gives its file to one process at a time: the reader of the warehouse comes afterwards.
    return seen | {(target, _months(counts)) for target, counts in graph.counts("green").items()}


def _months(counts: dict[str, int]) -> tuple[int, ...]:
    return tuple(counts.get(month, 0) for month in BOTH)


def _left_over(graph: Graph) -> list[str]:
    """What the killed runs have left that no later one took away."""
    with psycopg.connect(graph.postgres_url) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'taxi'::regnamespace AND relkind IN ('r', 'p')"
        ).fetchall()
    partitions = {f"green_trips_{month.replace('-', '_')}_01" for month in BOTH}
    strange = {name for (name,) in tables} - partitions - {"green_trips"}
    scratch = [path for path in (graph.home / "lake" / ".scratch").iterdir() if path.suffix != ".lock"]
    scratch = [path for path in scratch if not path.name.startswith(f"{os.getpid()}-") or any(path.iterdir())]
    temporary = list((graph.home / "tmp").iterdir())
    parts = [path for path in (graph.home / "lake").rglob("*") if path.suffix in {".part", ".tmp"}]
    return sorted(map(str, [*strange, *scratch, *temporary, *parts]))
