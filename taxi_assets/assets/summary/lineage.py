"""Which columns of the cleaned trips each column of a summary is made of."""

from taxi_assets.assets.common import trips_key
from taxi_assets.targets.target import Lineage
from taxi_assets.tlc.measures import MEASURES
from taxi_assets.tlc.services import Service


def column_lineage(service: Service) -> Lineage:
    """For each column of the summary the columns of ``cleaned``; none for facts of the month."""
    measures = MEASURES[service.name]
    tips, distance = _some(measures.tips), _some(measures.distance)
    made_of = {
        "trips": ("pickup_at",),
        "trips_per_day": ("pickup_at",),
        "strays": ("pickup_at",),
        "busiest_day": ("pickup_at",),
        "busiest_day_trips": ("pickup_at",),
        "revenue_usd": measures.revenue,
        "revenue_per_trip_usd": measures.revenue,
        "tips_usd": tips,
        "tip_share": tuple(dict.fromkeys((*tips, *measures.revenue))),
        "distance_miles": distance,
        "miles_per_trip": distance,
        "hours": ("pickup_at", "dropoff_at"),
        "minutes_per_trip": ("pickup_at", "dropoff_at"),
        "zones_served": ("pu_location_id",),
        "busiest_zone": ("pu_location_id",),
        "busiest_zone_trips": ("pu_location_id",),
    }
    cleaned = trips_key("cleaned", service).path
    return {name: [(cleaned, column) for column in columns] for name, columns in made_of.items() if columns}


def _some(name: str | None) -> tuple[str, ...]:
    return (name,) if name else ()
