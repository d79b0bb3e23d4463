"""Parquet files on their way into a DuckDB table, read by DuckDB itself.

It is to store the rows that a stream of the same files would bring, so it is asked beforehand which types it
sees: where Parquet has a type for what Arrow means, they are the same; an Arrow duration, for one, is a plain
number in a file, and is streamed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from taxi_assets.targets.duckdb_sql import Table
from taxi_assets.targets.duckdb_types import arrow_types, selected_types
from taxi_assets.targets.offered import damaged
from taxi_assets.targets.sums import parquet_source, quoted, shared_engine
from taxi_assets.targets.target import Objects, TargetError

_NOT_THE_FILES = (
    TargetError,
    MemoryError,
    duckdb.OutOfMemoryException,
    duckdb.OperationalError,  # the disk, or another transaction
    duckdb.InternalError,
    duckdb.FatalException,
)
"""Everything else is about pages: what can't be unpacked or decoded shows in many ways, RuntimeError too."""


@dataclass(frozen=True)
class Incoming:
    """What was offered, and the files in which it lies on this machine."""

    objects: Objects
    paths: Sequence[Path]

    def alike(self) -> bool:
        """Whether DuckDB finds the same types in the files as in their stream."""
        if any("\\" in str(path) for path in self.paths):  # it has no way to write one in a pattern
            return False
        with shared_engine().cursor() as connection:
            wanted = arrow_types(connection, self.objects.schema)
            try:
                return selected_types(connection, self._columns, parquet_source(self.paths)) == wanted
            except duckdb.Error:  # a type that it doesn't know
                return False

    def insert(self, partition: date | None, place: Table) -> int:
        """Insert all rows; their number.

        Raises:
            TargetError: A file is damaged, or other rows came out of it than were promised.
        """
        try:
            rows = place.insert_from(partition, self._columns, parquet_source(self.paths))
        except _NOT_THE_FILES:
            raise
        except Exception as error:
            raise damaged(self.objects.root, error) from error
        if rows != self.objects.rows:
            raise TargetError(f"{place.name}: {rows} rows came out of files of {self.objects.rows}")
        return rows

    @property
    def _columns(self) -> str:
        return ", ".join(quoted(name) for name in self.objects.schema.names)
