"""Streams a Parquet table: partition by partition, one version of each, in bounded memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from taxi_assets.targets.arrow_schema import fitted, union
from taxi_assets.targets.conditions import (
    check_columns,
    check_conditions,
    check_partitions,
    expression,
    holds,
)
from taxi_assets.targets.parquet_layout import Layout, opened
from taxi_assets.targets.target import Condition, TargetError

BATCH_ROWS = 65_536
RELEASE_EVERY = 4
"""Batches after which freed memory is given back: a load's peak is 60 MB lower, its time the same."""


@dataclass(frozen=True)
class _Plan:
    layout: Layout
    stored: pa.Schema
    needed: tuple[str, ...]
    filter: pc.Expression | None


def read_table(
    layout: Layout,
    partitions: Sequence[date] | None,
    columns: Sequence[str] | None,
    where: Sequence[Condition],
) -> pa.RecordBatchReader:
    """The rows of ``partitions`` in their order, see ``Target.read``."""
    standing = layout.described()
    chosen = _chosen(layout, standing, partitions)
    # The newest partition knows best what the columns are, and in which order; older ones may have more.
    newest_first = sorted(standing, key=lambda partition: partition or date.min, reverse=True)
    schemas = {id(schema): schema for schema in (standing[partition][1] for partition in newest_first)}
    stored = union(schemas.values())
    full = stored if None in standing else stored.append(pa.field(layout.column, pa.date32()))
    names = full.names if columns is None else list(columns)
    check_columns(layout.table, names, full.names)
    check_conditions(layout.table, where, full.names)
    on_partition = [condition for condition in where if condition[0] == layout.column]
    on_rows = [condition for condition in where if condition[0] != layout.column]
    chosen = [one for one in chosen if all(holds(condition, one) for condition in on_partition)]
    needed = dict.fromkeys([*names, *(condition[0] for condition in on_rows)])
    of_files = tuple(name for name in needed if name in stored.names)
    plan = _Plan(layout, stored, of_files, expression(on_rows, stored))
    schema = pa.schema([full.field(name) for name in names], metadata=full.metadata)
    return pa.RecordBatchReader.from_batches(schema, _batches(plan, chosen, schema))


def _chosen(
    layout: Layout, standing: Mapping[date | None, object], partitions: Sequence[date] | None
) -> list[date | None]:
    if not standing:
        there = ", ".join(layout.tables()) or "no table"
        raise TargetError(f"{layout.objects.uri(layout.table)} holds no table; there is {there}")
    return check_partitions(layout.table, partitions, list(standing))


def _batches(plan: _Plan, chosen: Sequence[date | None], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for partition in chosen:
        found = opened(plan.layout, partition)
        if found is None:
            raise TargetError(f"{plan.layout.table}: partition {partition} was deleted while it was read")
        for file in found[0]:
            with file:
                yield from _from_file(plan, file, partition, schema)


def _from_file(
    plan: _Plan, file: pa.NativeFile, partition: date | None, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    # Decoded a batch at a time: a dataset's scanner holds several row groups whole, 100 MB of wide months.
    # Pre-buffering would hold whole row groups too, for requests that a local file doesn't need.
    parquet = pq.ParquetFile(file, pre_buffer=False)
    there = set(parquet.schema_arrow.names)
    wanted = [name for name in plan.needed if name in there]
    needed = pa.schema([plan.stored.field(name) for name in plan.needed])
    groups = _row_groups(plan, file, parquet)
    # Threads fetch the columns of a remote file at once. For a local one they only cost: as fast without,
    # 50 MB less, because what one thread allocates and another frees is kept for long.
    batches = parquet.iter_batches(BATCH_ROWS, groups, wanted, use_threads=plan.layout.objects.remote)
    for number, batch in enumerate(batches):
        if number % RELEASE_EVERY == 0:
            pa.default_memory_pool().release_unused()
        rows = fitted(batch, needed) if needed.names else batch
        rows = rows if plan.filter is None else rows.filter(plan.filter)
        if rows.num_rows:
            yield _with_partition(rows, partition, plan.layout.column, schema)


def _row_groups(plan: _Plan, file: pa.NativeFile, parquet: pq.ParquetFile) -> list[int]:
    """Those that may hold rows of the filter, by the file's statistics."""
    if plan.filter is None:
        return list(range(parquet.num_row_groups))
    import pyarrow.dataset as ds  # brings pandas, 0.2 s, which only a filtered read pays

    fragment = ds.ParquetFileFormat().make_fragment(file).subset(plan.filter, schema=plan.stored)
    return [group.id for group in fragment.row_groups]


def _with_partition(
    batch: pa.RecordBatch, partition: date | None, column: str, schema: pa.Schema
) -> pa.RecordBatch:
    constant = (
        pa.repeat(pa.scalar(partition, pa.date32()), batch.num_rows) if column in schema.names else None
    )
    arrays = [
        constant if field.name == column and constant is not None else batch.column(field.name)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema) if arrays else batch
