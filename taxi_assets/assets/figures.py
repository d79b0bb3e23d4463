"""What a cleaned month comes to, as numbers: the UI draws each of them over the months."""

from collections.abc import Mapping
from datetime import date

from taxi_assets.tlc.profile import Profile
from taxi_assets.tlc.services import Service


def figures(service: Service, month: date, profile: Profile) -> Mapping[str, int | float]:
    """Numbers of a month by their names on its page; those that its service does not publish are left out."""
    totals = {
        "revenue_usd": profile.revenue(service.name),
        "tips_usd": profile.tips(service.name),
        "miles": profile.miles(service.name),
        "hours": profile.hours,
    }
    found = {name: round(value, 2) for name, value in totals.items() if value is not None}
    if profile.rows:
        means = {
            "mean_revenue_usd": totals["revenue_usd"],
            "mean_tip_usd": totals["tips_usd"],
            "mean_miles": totals["miles"],
            "mean_minutes": profile.hours * 60,
        }
        found |= {name: round(value / profile.rows, 3) for name, value in means.items() if value is not None}
    return {**found, "pickups_outside_month": profile.strays(month)}
