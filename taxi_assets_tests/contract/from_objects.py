"""Targets to which every month comes as another store's Parquet: a second way in, for those that have one.

``replace`` of such a target puts the stream into a lake beside it, and lets the target load what the lake
offers. So the whole suite runs over ``replace_from``: what it says of a stream's rows holds for objects too.
What a target hands back - another form than its own, columns that other months have - is streamed.
"""

import uuid
from collections.abc import Callable
from datetime import date

import pyarrow as pa

from taxi_assets.targets.duckdb import DuckDBTarget
from taxi_assets.targets.parquet import ParquetTarget
from taxi_assets.targets.target import Facts, Objects, Report, Target


class ParquetFromObjects(ParquetTarget):
    """A lake that is filled from another lake.

    Attributes:
        source: Where the other one lies.
    """

    source: str

    def replace(
        self, table: str, partition: date | None, stream: pa.RecordBatchReader, facts: Facts | None = None
    ) -> Report:
        """By way of the other lake."""
        return by_way_of_a_lake(self, super().replace, self.source, table, partition, stream, facts)


class DuckDBFromObjects(DuckDBTarget):
    """A DuckDB file that is filled from a lake.

    Attributes:
        source: Where it lies.
    """

    source: str

    def replace(
        self, table: str, partition: date | None, stream: pa.RecordBatchReader, facts: Facts | None = None
    ) -> Report:
        """By way of the lake."""
        return by_way_of_a_lake(self, super().replace, self.source, table, partition, stream, facts)


def by_way_of_a_lake(
    target: Target,
    streamed: Callable[[str, date | None, pa.RecordBatchReader, Facts | None], Report],
    source: str,
    table: str,
    partition: date | None,
    stream: pa.RecordBatchReader,
    facts: Facts | None,
) -> Report:
    """Load what the lake offers of the stream; what the target hands back goes through ``streamed``."""
    lake, name, objects = offered(source, table, partition, stream)
    report = target.replace_from(table, partition, objects, facts)
    return report or streamed(table, partition, without_partition(lake, name), facts)


def offered(
    url: str, table: str, partition: date | None, stream: pa.RecordBatchReader
) -> tuple[ParquetTarget, str, Objects]:
    """Put the rows into a table of their own there; what is offered of them."""
    lake, name = ParquetTarget(url=url), f"{uuid.uuid4().hex}/{table}"
    lake.replace(name, partition, stream)
    objects = lake.objects(name, partition)
    assert objects is not None
    return lake, name, objects


def without_partition(lake: ParquetTarget, table: str) -> pa.RecordBatchReader:
    """The only partition's rows, without its column."""
    names = lake.read(table).schema.names
    return lake.read(table, columns=[name for name in names if name != lake.partition_column])
