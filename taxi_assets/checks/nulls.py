"""Are as many values missing as in the months before? A column that lost its meaning shows here first."""

from collections.abc import Mapping
from datetime import date

from dagster import (
    AssetCheckExecutionContext,
    AssetChecksDefinition,
    AssetCheckSeverity,
    MetadataValue,
    ResourceParam,
    asset_check,
)

from taxi_assets.assets.common import monthly_partitions, trips_key
from taxi_assets.checks.by_month import Events, Verdict, by_month
from taxi_assets.checks.profiles import Profiles
from taxi_assets.targets import markdown
from taxi_assets.targets.target import Target
from taxi_assets.tlc.schema import published_columns
from taxi_assets.tlc.services import Service, ServiceName, month_key, months_before, parse_month

NAME = "nulls_like_before"

REACH = 12
"""Months back that count as history: one year, so that every season is in it."""

FEWEST = 2
"""Earlier months below which nothing is judged: one may be odd itself."""

BEYOND = 0.10
"""How far outside the range of the earlier months a share may lie. Of the green months at hand the farthest
is January 2021: 47.3 % of its trips were dispatched and have no passenger count, 31.5 to 42.6 % in the year
before. That is 4.7 points; a column that is empty, or of a sudden full, lies 50 or 100 away."""


def nulls_check(service: Service) -> AssetChecksDefinition:
    """Null shares against those of the year before.

    A warning: no row is wrong for a value that it lacks, and how many trips are dispatched (which leaves six
    columns empty) changes for reasons of the trade.
    """
    cleaned = trips_key("cleaned", service)

    @asset_check(
        asset=cleaned,
        name=NAME,
        description=f"The share of missing values of every column lies within {BEYOND:.0%} of the range of "
        f"the {REACH} months before.",
        partitions_def=monthly_partitions(service),
    )
    def nulls_like_before(context: AssetCheckExecutionContext, lake: ResourceParam[Target]) -> Events:
        profiles = Profiles(service, lake)

        def verdict(month_key: str) -> Verdict:
            return judge(profiles, parse_month(month_key))

        yield from by_month(context, cleaned, NAME, verdict, AssetCheckSeverity.WARN)

    return nulls_like_before


def judge(profiles: Profiles, month: date) -> Verdict:
    """A month's null shares against its history."""
    profile = profiles.of(month)
    if profile is None or not profile.rows:
        return Verdict(True, "the month has no profile to judge by", {})
    now = shares(profiles, month)
    earlier = {one: shares(profiles, one) for one in _history(profiles, month)}
    ranges = {
        name: (min(known), max(known))
        for name in now
        if len(known := [one[name] for one in earlier.values() if name in one]) >= FEWEST
    }
    if not ranges:
        return Verdict(
            True, "too few earlier months are held to compare with", {"earlier_months": len(earlier)}
        )
    unlike = {
        name: now[name]
        for name, (low, high) in ranges.items()
        if not low - BEYOND <= now[name] <= high + BEYOND
    }
    rows = [
        (name, f"{now[name]:.2%}", f"{low:.2%} to {high:.2%}", "**no**" if name in unlike else "yes")
        for name, (low, high) in ranges.items()
        if now[name] or high
    ]
    head = ("column", f"null in {month_key(month)}", f"in {len(earlier)} months before", "alike")
    found = {
        "earlier_months": len(earlier),
        "columns": len(ranges),
        "shares": MetadataValue.md(markdown.table(head, rows)),
    }
    if not unlike:
        return Verdict(True, f"like the {len(earlier)} months before", found)
    words = "; ".join(
        f"{name}: {share:.1%} are null, {ranges[name][0]:.1%} to {ranges[name][1]:.1%} before"
        for name, share in unlike.items()
    )
    return Verdict(False, words, found)


def shares(profiles: Profiles, month: date) -> Mapping[str, float]:
    """Share of missing values by column, of those that the schema table says are published with values."""
    profile = profiles.of(month)
    if profile is None or not profile.rows:
        return {}
    return {name: profile.nulls[name] / profile.rows for name in _judged(profiles.service.name, month)}


def _history(profiles: Profiles, month: date) -> list[date]:
    """The held months of the year before whose files are of the same format."""
    return [
        earlier
        for earlier in months_before(month, REACH)
        if profiles.of(earlier) and profiles.is_csv(earlier) == profiles.is_csv(month)
    ]


def _judged(service: ServiceName, month: date) -> list[str]:
    """Columns that are published, and not at times as a column of nothing."""
    return [
        column.name for column, era in published_columns(service, month).items() if "null" not in era.types
    ]
