"""Loading processes killed at any moment: a reader never sees anything but the old month or the new."""

import multiprocessing
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

import pyarrow as pa
import pytest

from taxi_assets.targets.postgres import PostgresTarget

JANUARY = date(2024, 1, 1)
ROWS = 60_000
Seen = set[tuple[object, ...]]

# One process that has everything imported, forked for each load: 20 ms, where a new Python takes 2 s.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__, "taxi_assets.targets.postgres.target"])


def load(url: str, version: int, rows: int = ROWS) -> None:
    """Replace January by ``rows`` rows of one version, as a process of its own does."""
    table = pa.table(
        {
            "version": pa.array([version] * rows, pa.int32()),
            "zone": pa.array(range(rows), pa.int32()),
            "text": pa.array(["some text of a trip"] * rows),
        }
    )
    target = PostgresTarget(url=url, btree_columns=["zone"], batch_rows=4096)
    target.replace("trips", JANUARY, table.to_reader(4096), {"version": str(version)})


def started(url: str, version: int) -> multiprocessing.process.BaseProcess:
    process = _context.Process(target=load, args=(url, version))
    process.start()
    return process


@contextmanager
def polling(target: PostgresTarget) -> Iterator[Seen]:
    """A reader that asks all the time what January holds, and notes each answer once."""
    seen: Seen = set()
    end = threading.Event()
    question = "SELECT count(*), min(version), max(version) FROM taxi.trips WHERE trip_month = '2024-01-01'"

    def ask() -> None:
        with target.connect() as connection:
            while not end.is_set():
                seen.update(connection.execute(question).fetchall())

    reader = threading.Thread(target=ask)
    reader.start()
    try:
        yield seen
    finally:
        end.set()
        reader.join()


def seconds_of(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


@pytest.mark.parametrize("kills", [8, pytest.param(60, marks=pytest.mark.slow)])
def test_a_load_killed_at_any_moment_leaves_the_old_month_or_the_new(postgres_url: str, kills: int) -> None:
    seed = int(os.environ.get("TAXI_TEST_SEED", random.randrange(10**6)))
    print(f"TAXI_TEST_SEED={seed}")  # noqa: T201
    chance = random.Random(seed)
    target = PostgresTarget(url=postgres_url)
    load(postgres_url, 0)

    def whole_load() -> None:
        process = started(postgres_url, 1)
        process.join()
        assert process.exitcode == 0

    length = max(seconds_of(whole_load) for _ in range(2))
    with polling(target) as seen:
        for version in range(2, 2 + kills):
            process = started(postgres_url, version)
            time.sleep(chance.uniform(0.02, length))
            process.kill()
            process.join()
            ((rows, lowest, highest),) = target.query(
                "SELECT count(*), min(version), max(version) FROM taxi.trips"
            )
            assert rows == ROWS
            assert lowest == highest
            held = target.held("trips", JANUARY)
            assert held is not None
            assert held.version == str(lowest)
        load(postgres_url, 999)
    assert {(rows, low == high) for rows, low, high in seen} == {(ROWS, True)}
    assert target.query("SELECT min(version), max(version), count(*) FROM taxi.trips") == [(999, 999, ROWS)]
    left = target.query("SELECT tablename::text FROM pg_tables WHERE schemaname = 'taxi' ORDER BY 1")
    assert left == [("trips",), ("trips_2024_01_01",)]


def test_two_processes_at_one_month_leave_it_whole(postgres_url: str) -> None:
    target = PostgresTarget(url=postgres_url)
    load(postgres_url, 0, rows=1)
    with polling(target) as seen:
        processes = [started(postgres_url, version) for version in (1, 2, 3)]
        for process in processes:
            process.join()
        assert [process.exitcode for process in processes] == [0, 0, 0]
    whole = {(1, 0, 0), *((ROWS, version, version) for version in (1, 2, 3))}
    assert seen <= whole
    assert target.query("SELECT count(*), max(version) - min(version) FROM taxi.trips") == [(ROWS, 0)]
