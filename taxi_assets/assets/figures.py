"""What a cleaned month comes to, as numbers: the UI draws each of them over the months."""

from collections.abc import Mapping
from datetime import date

from taxi_assets.tlc.profile import Profile
from taxi_assets.tlc.services import Service
from taxi_assets.tlc.summary import summary_row

FIGURES = (
    "strays",
    "revenue_usd",
    "revenue_per_trip_usd",
    "tips_usd",
    "tip_share",
    "distance_miles",
    "miles_per_trip",
    "hours",
    "minutes_per_trip",
)
"""Numbers of a month's summary, under its names; ``monthly_summary`` shows all of them."""

_DECIMALS = 4


def figures(service: Service, month: date, profile: Profile) -> Mapping[str, int | float]:
    """Numbers of a month by their names on its page; those that its service does not publish are left out."""
    row = summary_row(service, month, profile, profile.rows + profile.rejected)
    return {name: round(row[name], _DECIMALS) for name in FIGURES if row[name] is not None}
