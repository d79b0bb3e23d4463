"""Rows and sums of a stored partition, added up once for each version of its objects.

The check of every other store asks for the sums of the same cleaned month. A version of an object is never
changed, it is replaced, so what was added up from it stays right as long as it stands.
"""

from collections.abc import Sequence
from datetime import date
from typing import TypeAlias

from taxi_assets.targets.parquet_footers import Bounded
from taxi_assets.targets.parquet_layout import Layout, Snapshot, Standing
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
        stream = read_table(layout, chosen, columns or None, (), _enough_for(layout, partition, columns))
        known = totals_of_stream(layout.table, stream, columns)
        after = layout.snapshot(partition)
        if (
            after and _versions(layout, after) == asked[0]
        ):  # else it was replaced, and read was the one or the other
            _known.put(asked, known)
    return known


def _enough_for(layout: Layout, partition: date | None, columns: Sequence[str]) -> Standing:
    """What must be known to add up columns of a partition: itself alone, if it has them all.

    Only one that lacks a column needs the others, which may have it. Checks ask for every month's totals;
    with a look at all months each time, 120 months would cost a hundred times what 12 do.
    """
    alone = layout.described_alone(partition) if partition else {}
    enough = any(set(columns) <= set(schema.names) for _, schema in alone.values())
    return alone if enough else layout.described()


def _versions(layout: Layout, snapshot: Snapshot) -> _Versions:
    return tuple((layout.objects.uri(part.key), part.version) for part in snapshot.parts)
