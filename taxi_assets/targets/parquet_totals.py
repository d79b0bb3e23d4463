"""Rows and sums of a stored partition, added up once for each version of its objects.

The check of every other store asks for the sums of the same cleaned month. A version of an object is never
changed, it is replaced, so what was added up from it stays right as long as it stands.
"""

from collections.abc import Sequence
from datetime import date
from typing import TypeAlias

from taxi_assets.targets.parquet_footers import Bounded
from taxi_assets.targets.parquet_layout import Layout, Snapshot
from taxi_assets.targets.parquet_read import read_table
from taxi_assets.targets.sums import no_rows, totals_of_stream
from taxi_assets.targets.target import Totals

_Versions: TypeAlias = tuple[tuple[str, str], ...]

_known: Bounded[tuple[_Versions, tuple[str, ...]], Totals] = Bounded(500)


def totals_of_partition(layout: Layout, partition: date | None, columns: Sequence[str]) -> Totals:
    """See ``Target.totals``."""
    snapshot = layout.snapshot(partition)
    if snapshot is None:
        return no_rows(columns)
    asked = (_versions(layout, snapshot), tuple(columns))
    known = _known.get(asked)
    if known is None:
        chosen = None if partition is None else [partition]
        stream = read_table(layout, chosen, columns or None, ())
        known = totals_of_stream(layout.table, stream, columns)
        after = layout.snapshot(partition)
        if (
            after and _versions(layout, after) == asked[0]
        ):  # else it was replaced, and read was the one or the other
            _known.put(asked, known)
    return known


def _versions(layout: Layout, snapshot: Snapshot) -> _Versions:
    return tuple((layout.objects.uri(part.key), part.version) for part in snapshot.parts)
