"""A month's profile -> the month in one row: what its summary holds, and what the cleaned month shows."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from taxi_assets.tlc.profile import Profile
from taxi_assets.tlc.services import Service, days_of


def summary_row(service: Service, month: date, profile: Profile, raw_rows: int) -> Mapping[str, Any]:
    """The row of a month; None where there is no such thing.

    Args:
        service: Whose trips.
        month: First day of the month.
        profile: What was counted of its rows.
        raw_rows: How many were published, as the cleaning step counted them for itself.
    """
    days = days_of(month)
    trips = profile.rows
    revenue, tips, miles = (of(service.name) for of in (profile.revenue, profile.tips, profile.miles))
    busiest_day = max((day for day in days if day in profile.days), key=profile.trips_on, default=None)
    busiest_zone, zone_trips = next(iter(profile.zones.most_common(1)), (None, None))
    return {
        "service": service.name,
        "month": month,
        "raw_rows": raw_rows,
        "trips": trips,
        "quarantined_rows": profile.rejected,
        "quarantined_share": profile.rejected / max(raw_rows, 1),
        "strays": profile.strays(month),
        "revenue_usd": revenue,
        "tips_usd": tips,
        "tip_share": _per(tips, revenue),
        "revenue_per_trip_usd": _per(revenue, trips),
        "distance_miles": miles,
        "miles_per_trip": _per(miles, trips),
        "hours": profile.hours,
        "minutes_per_trip": _per(60 * profile.hours, trips),
        "trips_per_day": trips / len(days),
        "busiest_day": busiest_day,
        "busiest_day_trips": None if busiest_day is None else profile.trips_on(busiest_day),
        "zones_served": len(profile.zones) or None,
        "busiest_zone": busiest_zone,
        "busiest_zone_trips": zone_trips,
    }


def _per(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None
