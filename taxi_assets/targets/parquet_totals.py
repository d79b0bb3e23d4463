"""Rows and sums of a stored partition, added up once for each version of its objects.

The check of every other store asks for the sums of the same cleaned month. A version of an object is never
changed, it is replaced, so what was added up from it stays right as long as it stands.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date
from typing import TypeAlias

import duckdb

from taxi_assets.targets.parquet_footers import Bounded
from taxi_assets.targets.parquet_layout import Layout, Snapshot
from taxi_assets.targets.parquet_read import read_table
from taxi_assets.targets.sums import no_rows, totals_of_files, totals_of_stream
from taxi_assets.targets.target import Totals

_Versions: TypeAlias = tuple[tuple[str, str], ...]

_known: Bounded[tuple[_Versions, tuple[str, ...]], Totals] = Bounded(500)

_NOT_OF_THE_FILES = (duckdb.Error, RuntimeError, OSError)
"""A type or a path that DuckDB has no word for, damage, a version that is gone: a stream says it in words."""


def totals_of_partition(layout: Layout, partition: date | None, columns: Sequence[str]) -> Totals:
    """See ``Target.totals``."""
    described = layout.described_alone(partition)
    if partition not in described:
        return no_rows(columns)
    snapshot, schema = described[partition]
    if not set(columns) <= set(schema.names):  # other months may have it, and then it is null here
        return _streamed(layout, partition, columns)
    asked = (_versions(layout, snapshot), tuple(columns))
    known = _known.get(asked)
    if known is None:
        try:
            with ExitStack() as kept:
                paths = [kept.enter_context(layout.objects.found_path(part)) for part in snapshot.parts]
                known = totals_of_files(layout.table, schema, paths, columns)
        except _NOT_OF_THE_FILES:
            return _streamed(layout, partition, columns)
        _known.put(asked, known)
    return known


def _streamed(layout: Layout, partition: date | None, columns: Sequence[str]) -> Totals:
    chosen = None if partition is None else [partition]
    return totals_of_stream(layout.table, read_table(layout, chosen, columns or None, ()), columns)


def _versions(layout: Layout, snapshot: Snapshot) -> _Versions:
    return tuple((layout.objects.uri(part.key), part.version) for part in snapshot.parts)
