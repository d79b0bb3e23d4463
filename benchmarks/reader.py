"""A reader who asks for one month over and over, and the longest that it had to wait for an answer.

It counts a small month beside the one that is replaced, through the parent table: the query takes a
millisecond by itself, so what is above that is waiting. In between it looks whether the replaced
month is there. It runs in a process of its own, so that no lock of the interpreter adds to what it sees.
"""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from multiprocessing.synchronize import Event

import psycopg
from psycopg import sql

PAUSE = 0.001


@dataclass
class Seen:
    """What the reader saw.

    Attributes:
        queries: How often it asked.
        worst_ms: Longest wait for an answer.
        median_ms: What is usual.
        gaps: How often the replaced month was not there.
    """

    queries: int = 0
    worst_ms: float = 0
    median_ms: float = 0
    gaps: int = 0


@contextmanager
def reading(url: str, table: tuple[str, str], counted: date, replaced: date) -> Iterator[Seen]:
    """Have a reader at the table while the block runs; what it saw is filled in afterwards."""
    spawn = multiprocessing.get_context("spawn")
    begun, stop, answers = spawn.Event(), spawn.Event(), spawn.SimpleQueue()
    process = spawn.Process(target=_read, args=(url, table, counted, replaced, begun, stop, answers))
    process.start()
    begun.wait(30)
    seen = Seen()
    try:
        yield seen
    finally:
        stop.set()
        seen.queries, seen.worst_ms, seen.median_ms, seen.gaps = answers.get()
        process.join()


def _read(
    url: str,
    table: tuple[str, str],
    counted: date,
    replaced: date,
    begun: Event,
    stop: Event,
    answers: "multiprocessing.SimpleQueue[tuple[int, float, float, int]]",
) -> None:
    name = sql.Identifier(*table)
    count = sql.SQL("SELECT count(*) FROM {} WHERE trip_month = {}").format(name, sql.Literal(counted))
    there = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE trip_month = {})").format(
        name, sql.Literal(replaced)
    )
    waits, gaps = [], 0
    with psycopg.connect(url, autocommit=True) as connection:
        while not stop.is_set():
            for query in (count, there):
                asked = time.perf_counter()
                row = connection.execute(query).fetchone()
                waits.append((time.perf_counter() - asked) * 1000)
                gaps += row == (False,)
            begun.set()
            time.sleep(PAUSE)
    answers.put((len(waits), max(waits), sorted(waits)[len(waits) // 2], gaps))
