"""Reads of a DuckDB table: which queries, over which columns, and their rows as one stream."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from taxi_assets.targets.conditions import check_columns, check_conditions, check_partitions
from taxi_assets.targets.duckdb_file import Connection
from taxi_assets.targets.duckdb_sql import Table
from taxi_assets.targets.target import Condition, TargetError

BATCH_ROWS = 65_536


def planned(
    place: Table,
    uri: str,
    partitions: Sequence[date] | None,
    columns: Sequence[str] | None,
    where: Sequence[Condition],
) -> tuple[pa.Schema, list[tuple[str, list[Any]]]]:
    """Schema of a read, and one query with its values per partition.

    Raises:
        TargetError: The table, which ``uri`` names, or a partition or a column does not exist.
    """
    stored = place.schema()
    if stored is None:
        there = ", ".join(place.tables()) or "no table"
        raise TargetError(f"{uri} does not exist; there is {there}")
    names = stored.names if columns is None else list(columns)
    check_columns(place.name, names, stored.names)
    check_conditions(place.name, where, stored.names)
    chosen: list[date | None] = list(partitions or ())
    if partitions is None or not all(place.held(one) for one in partitions):
        chosen = check_partitions(place.name, partitions, list(place.partitions()))
    schema = pa.schema([stored.field(name) for name in names])
    return schema, [place.select(partition, names, where) for partition in chosen]


def batches(connection: Connection, queries: Sequence[tuple[str, list[Any]]]) -> Iterator[pa.RecordBatch]:
    """The rows of all queries. Closes the connection when they end, or when nobody refers to them."""
    with connection:
        for query, values in queries:
            with connection.sql(query, params=values).to_arrow_reader(BATCH_ROWS) as reader:
                yield from reader
