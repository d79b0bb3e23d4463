"""DuckDB for one look at a published file, within bounds that hold on any machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

MEMORY_LIMIT = "200MB"
"""The largest months (20 million rows) need 130 MB; looking for refunds spills beyond."""

THREADS = 2
"""As fast as more, since one Python thread takes the rows; with 16 a process grows from 315 to 720 MB."""


@contextmanager
def engine(scratch: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database in memory that spills into ``scratch``, which the caller deletes."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY_LIMIT,
        "threads": THREADS,
        "preserve_insertion_order": "false",
        "temp_directory": str(scratch / "duckdb"),
    }
    with duckdb.connect(config=config) as connection:
        connection.execute("LOAD parquet")  # it is part of duckdb, but only then knows its settings
        connection.execute("SET enable_progress_bar = false")
        # Else DuckDB fetches row groups whole, one a thread: 10 million yellow rows in one group don't fit
        # then, and 16 threads ran out of 400 MB with 1 million rows in each.
        connection.execute("SET disable_parquet_prefetching = true")
        yield connection


def give_back(connection: duckdb.DuckDBPyConnection) -> None:
    """Give the system back what DuckDB has freed and keeps: 50 MB after the refunds of 14 million rows.

    It does so whenever its limit is set; ``allocator_flush_threshold`` makes no difference here.
    """
    connection.execute("SET memory_limit = ?", [MEMORY_LIMIT])
