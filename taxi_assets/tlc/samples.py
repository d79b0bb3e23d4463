"""A few rejected rows of each reason, kept while the rows go by, so that a person sees what a rule catches.

Looked for only while a rule has shown fewer than three: after the first few batches of a month that costs
one look at a batch's different verdicts, and nothing at all once every rule has its three.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from taxi_assets.tlc.rules import Rule

ROWS_OF_A_REASON = 3

COLUMNS = (
    "pickup_at",
    "dropoff_at",
    "pu_location_id",
    "do_location_id",
    "trip_distance",
    "trip_miles",
    "fare_amount",
    "base_passenger_fare",
    "total_amount",
)
"""What the rules judge by, of which a service has some: no rule reads another column."""

Sample: TypeAlias = Mapping[str, Any]
"""A row's columns as Python values, and under ``reasons`` all that it was rejected for."""


@dataclass
class Samples:
    """Rejected rows by reason.

    Attributes:
        found: Up to three of each; a row with several reasons may stand under each of them.
    """

    found: dict[str, list[Sample]] = field(default_factory=dict)

    def take(self, batch: pa.RecordBatch, rules: Sequence[Rule]) -> None:
        """Keep rows of the reasons that have too few.

        Args:
            batch: Rows as they are read; the last column has a bit for each rule that a row breaks.
            rules: By their bits.
        """
        wanted = [rule for rule in rules if len(self.found.get(rule.name, ())) < ROWS_OF_A_REASON]
        if not wanted:
            return
        verdicts = batch.column(batch.num_columns - 1)
        seen = 0
        for verdict in pc.unique(verdicts).to_pylist():
            seen |= verdict
        for bit, rule in enumerate(rules):
            if rule in wanted and seen & (1 << bit):
                self._take(batch, verdicts, bit, rules)

    def _take(self, batch: pa.RecordBatch, verdicts: pa.Array, bit: int, rules: Sequence[Rule]) -> None:
        rows = self.found.setdefault(rules[bit].name, [])
        broken = pc.not_equal(pc.bit_wise_and(verdicts, pa.scalar(1 << bit, verdicts.type)), 0)
        chosen = pc.indices_nonzero(broken)[: ROWS_OF_A_REASON - len(rows)]
        names = [name for name in COLUMNS if name in batch.schema.names]
        values = _plain(batch.select(names).take(chosen))
        for row, verdict in zip(values, verdicts.take(chosen).to_pylist(), strict=True):
            reasons = [rule.name for number, rule in enumerate(rules) if verdict & (1 << number)]
            rows.append({**row, "reasons": reasons})


def _plain(rows: pa.RecordBatch) -> list[Sample]:
    try:
        plain: list[Sample] = rows.to_pylist()
    except OverflowError:  # a damaged time, in a year that Python has no date for
        times = [number for number, one in enumerate(rows.schema) if pa.types.is_timestamp(one.type)]
        for number in times:
            rows = rows.set_column(number, rows.schema.names[number], rows.column(number).cast(pa.string()))
        plain = rows.to_pylist()
    return plain
