"""Which columns of the cleaned trips each column of a summary is made of."""

from collections.abc import Mapping
from typing import Any

from dagster import TableColumnDep, TableColumnLineage

from taxi_assets.assets.common import trips_key
from taxi_assets.tlc.measures import MEASURES
from taxi_assets.tlc.services import Service


def column_lineage(service: Service) -> Mapping[str, Any]:
    """Metadata of a materialization, under Dagster's own key."""
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
    cleaned = trips_key("cleaned", service)
    lineage = {
        name: [TableColumnDep(cleaned, column) for column in columns]
        for name, columns in made_of.items()
        if columns
    }
    return {"dagster/column_lineage": TableColumnLineage(lineage)}


def _some(name: str | None) -> tuple[str, ...]:
    return (name,) if name else ()
