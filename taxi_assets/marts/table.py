"""What the marts hold: each one's columns with type, unit and meaning, and the services that they unite.

The Arrow schemas, the UI's column descriptions and ``docs/marts.md`` are made from it; the SQL beside it
gives these columns.
"""

from dataclasses import dataclass

import pyarrow as pa

from taxi_assets.tlc.measures import MEASURES


@dataclass(frozen=True)
class MartColumn:
    """One column of a mart.

    Attributes:
        name: Its name.
        kind: Its Arrow type.
        unit: Unit of the values, or what they are.
        meaning: One sentence for people.
    """

    name: str
    kind: pa.DataType
    unit: str
    meaning: str

    @property
    def description(self) -> str:
        """Meaning and unit, as for the trips' own columns."""
        return f"{self.meaning} [{self.unit}]"


@dataclass(frozen=True)
class Mart:
    """One table, cut by the month of the files.

    Attributes:
        name: Name of the table, and of the ``.sql`` file that makes a month of it.
        what: One sentence on what a row is.
        columns: All but ``trip_month``.
        joins: Tables without months that it reads beside the trips.
    """

    name: str
    what: str
    columns: tuple[MartColumn, ...]
    joins: tuple[str, ...] = ()

    @property
    def schema(self) -> pa.Schema:
        """Its columns in Arrow, each with its description."""
        return pa.schema(
            [
                pa.field(column.name, column.kind, metadata={"description": column.description})
                for column in self.columns
            ],
            metadata={"description": self.what},
        )


_SERVICE = MartColumn("service", pa.string(), "name", "yellow, green, fhv or fhvhv.")

*_PARTS, _LAST_PART = MEASURES["fhvhv"].revenue

_MEASURES = {
    column.name: column
    for column in (
        MartColumn("trips", pa.int64(), "trips", "How many there are."),
        MartColumn(
            "revenue_usd",
            pa.float64(),
            "USD",
            "What passengers were charged, with card tips and without cash tips: total_amount of the taxis, "
            f"for fhvhv the sum of {', '.join(_PARTS)} and {_LAST_PART}. "
            "Null for fhv, which reports no money.",
        ),
        MartColumn(
            "tips_usd",
            pa.float64(),
            "USD",
            "Tips within the revenue; cash tips are not recorded. Null for fhv.",
        ),
        MartColumn(
            "tip_share",
            pa.float64(),
            "share of revenue",
            "tips_usd / revenue_usd; null where there is no revenue. Don't average it: divide sums.",
        ),
        MartColumn(
            "distance_miles",
            pa.float64(),
            "miles",
            "Distance of all trips together: trip_distance of the taxis, trip_miles of fhvhv. Null for fhv.",
        ),
        MartColumn(
            "duration_hours",
            pa.float64(),
            "hours",
            "From pickup to dropoff, all trips together; trips without a dropoff are left out.",
        ),
    )
}

TRIPS_DAILY = Mart(
    "trips_daily",
    "Trips of all services, one row a service and pickup day of a month's files.",
    (
        _SERVICE,
        MartColumn("day", pa.date32(), "New York calendar", "Day of the pickup; null if there is no time."),
        MartColumn(
            "is_stray",
            pa.bool_(),
            "true or false",
            "Whether the day lies outside the file's month, or there is none. The default cleaning rules "
            "reject such trips, so only months that were cleaned by other rules have some.",
        ),
        *_MEASURES.values(),
    ),
)

ZONE_REVENUE_MONTHLY = Mart(
    "zone_revenue_monthly",
    "Trips of all services, one row a service and pickup zone of a month's files.",
    (
        _SERVICE,
        MartColumn(
            "location_id",
            pa.int32(),
            "taxi zone",
            "Zone of the pickup, 1 to 265. Null where the file has none: yellow of 2009 and 2010, which has "
            "coordinates instead, and many trips of fhv.",
        ),
        MartColumn("borough", pa.string(), "name", "The zone's borough; null without a zone."),
        MartColumn("zone", pa.string(), "name", "The zone's name, not unique; null without a zone."),
        *(column for name, column in _MEASURES.items() if name != "tip_share"),
    ),
    joins=("zones",),
)

MARTS = (TRIPS_DAILY, ZONE_REVENUE_MONTHLY)
