"""A stream into one local Parquet file, in bounded memory, with every column that the table has.

BigQuery loads a file whole, so the rows wait on disk until the producer has come to its end: a producer
that fails half-way has then changed nothing. The file holds the table's columns in the table's order
(the emulator goes by position, not by name) and the partition column, which a load into a partition
needs to find equal to it.
"""

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from taxi_assets.targets.bigquery.schema import Layout
from taxi_assets.targets.target import TargetError

# 128 Ki rows of 20 columns are about 20 MB while a group is encoded. BigQuery reads groups side by side.
_ROWS_PER_GROUP = 131_072
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Spooled:
    """A written file: where it is, its rows, a digest of its bytes."""

    path: Path
    rows: int
    digest: str


def spool(
    stream: pa.RecordBatchReader, layout: Layout, partition_column: str, partition: date | None, path: Path
) -> Spooled:
    """Write the stream to ``path``.

    Raises:
        TargetError: A value does not fit, such as nanoseconds that microseconds can't hold.
    """
    target, rows = layout.file_schema, 0
    with pq.ParquetWriter(path, target, compression="zstd", store_schema=False) as writer:
        for batch in stream:
            rows += batch.num_rows
            if batch.num_rows:
                constants = {} if partition is None else {partition_column: partition}
                writer.write_batch(conform(batch, target, constants), row_group_size=_ROWS_PER_GROUP)
    return Spooled(path, rows, _digest(path))


def conform(batch: pa.RecordBatch, target: pa.Schema, constants: dict[str, date]) -> pa.RecordBatch:
    """``batch`` with the columns of ``target``: cast where it has them, constant or null where it has not."""
    return pa.record_batch([_column(batch, field, constants) for field in target], schema=target)


def _column(batch: pa.RecordBatch, field: pa.Field, constants: dict[str, date]) -> pa.Array:
    if field.name in constants:
        return pa.repeat(pa.scalar(constants[field.name], field.type), batch.num_rows)
    if field.name not in batch.schema.names:
        return pa.nulls(batch.num_rows, field.type)
    try:
        return _cast(batch.column(field.name), field.type)
    except pa.ArrowInvalid as error:
        raise TargetError(f"column {field.name!r} does not fit into {field.type}: {error}") from error


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if column.type == kind:
        return column
    if pa.types.is_fixed_size_binary(column.type):
        column = column.cast(pa.binary())
    return column.cast(kind)


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()
