"""The table of monthly summaries: its columns, what they mean, and what each may hold.

One row a month and service. Every column is checked by dagster-pandas before a row is kept: a share above 1
or a month whose rows don't add up is a fault in what was counted, and nobody would see it in a plot.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Literal

import pyarrow as pa
from dagster import TableColumn, TableColumnConstraints, TableConstraints, TableSchema

from taxi_assets.tlc.profile import ZONES

_ARROW = {"text": pa.string(), "date": pa.date32(), "int": pa.int64(), "float": pa.float64()}

_ANY = float("-inf")
"""Least of what the published numbers add up to. Under the default rules it is 0, but other rules keep
reversals of charges, and a month of few trips may be made of them; nor is a total the sum of its parts."""


@dataclass(frozen=True)
class SummaryColumn:
    """A column of the summary.

    Attributes:
        name: With its unit, where it has one.
        kind: What it holds.
        meaning: In words.
        least: Smallest value that is believed.
        most: Largest value that is believed.
        may_lack: Whether it is null where a service or era publishes no such thing, or nothing was counted.
    """

    name: str
    kind: Literal["text", "date", "int", "float"]
    meaning: str
    least: float = 0
    most: float = float("inf")
    may_lack: bool = False


COLUMNS = (
    SummaryColumn("service", "text", "Whose trips: yellow, green, fhv, fhvhv"),
    SummaryColumn("month", "date", "First day of the published file's month"),
    SummaryColumn("raw_rows", "int", "Rows of the published file"),
    SummaryColumn("trips", "int", "Valid rows"),
    SummaryColumn("quarantined_rows", "int", "Rows that a cleaning rule rejects"),
    SummaryColumn("quarantined_share", "float", "Share of the published rows that is rejected", most=1),
    SummaryColumn("strays", "int", "Published rows whose pickup lies outside the month"),
    SummaryColumn("revenue_usd", "float", "Charged for trips, card tips included", least=_ANY, may_lack=True),
    SummaryColumn("tips_usd", "float", "Part of the revenue that is tips", least=_ANY, may_lack=True),
    SummaryColumn("tip_share", "float", "Share of the revenue that is tips", least=_ANY, may_lack=True),
    SummaryColumn("revenue_per_trip_usd", "float", "Revenue a trip, on average", least=_ANY, may_lack=True),
    SummaryColumn("distance_miles", "float", "Miles of all trips together", least=_ANY, may_lack=True),
    SummaryColumn("miles_per_trip", "float", "Miles of one trip, on average", least=_ANY, may_lack=True),
    SummaryColumn("hours", "float", "Hours of all trips together, pickup to dropoff", least=_ANY),
    SummaryColumn("minutes_per_trip", "float", "Minutes of one trip, on average", least=_ANY, may_lack=True),
    SummaryColumn("trips_per_day", "float", "Valid rows by day of the month, on average"),
    SummaryColumn("busiest_day", "date", "Day of the month with the most trips", may_lack=True),
    SummaryColumn("busiest_day_trips", "int", "Trips of that day", may_lack=True),
    SummaryColumn(
        "zones_served",
        "int",
        "Taxi zones in which a trip began; 264 and 265 are unknown and elsewhere",
        most=ZONES,
        may_lack=True,
    ),
    SummaryColumn(
        "busiest_zone",
        "int",
        "Taxi zone in which the most trips began",
        least=1,
        most=ZONES,
        may_lack=True,
    ),
    SummaryColumn("busiest_zone_trips", "int", "Trips that began in it", may_lack=True),
)

ARROW_SCHEMA = pa.schema(
    [
        pa.field(column.name, _ARROW[column.kind], metadata={"description": column.meaning})
        for column in COLUMNS
    ]
)


def column_schema() -> TableSchema:
    """The table as the UI shows it."""
    constraints = ["one row a month", "raw_rows = trips + quarantined_rows"]
    return TableSchema(
        [
            TableColumn(
                column.name,
                str(_ARROW[column.kind]),
                column.meaning,
                TableColumnConstraints(nullable=column.may_lack, other=bounds_in_words(column)),
            )
            for column in COLUMNS
        ],
        constraints=TableConstraints(other=constraints),
    )


def bounds_in_words(column: SummaryColumn) -> list[str]:
    """What a number may be, in words."""
    if column.kind not in ("int", "float"):
        return []
    bounds = {"at least": column.least, "at most": column.most}
    return [f"{words} {bound:g}" for words, bound in bounds.items() if isfinite(bound)]
