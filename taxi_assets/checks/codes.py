"""Has every code a meaning? A value that no dictionary names is the first sign of a new vendor or rate."""

from collections.abc import Mapping

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
from taxi_assets.tlc.codes import is_known
from taxi_assets.tlc.profile import Profile
from taxi_assets.tlc.services import Service, parse_month

NAME = "codes_are_known"

STRAY = 0.005
"""Share of a column's values that may be strays: meters send a rate code that is none now and then. In the
green months at hand there is not one; a vendor that begins is over it within a month or two."""

_PICKUP_ZONE = "pu_location_id"


def codes_check(service: Service) -> AssetChecksDefinition:
    """Values of the columns of codes against the table of their meanings.

    A warning: the rows are as published, and whoever groups by a code should know that there is a new one.
    """
    cleaned = trips_key("cleaned", service)

    @asset_check(
        asset=cleaned,
        name=NAME,
        description="Vendors, rates, payments, trip types, licences and pickup zones are those with a "
        f"meaning, but for up to {STRAY:.1%} of the values.",
        partitions_def=monthly_partitions(service),
    )
    def codes_are_known(context: AssetCheckExecutionContext, lake: ResourceParam[Target]) -> Events:
        profiles = Profiles(service, lake)

        def verdict(month_key: str) -> Verdict:
            profile = profiles.of(parse_month(month_key))
            if profile is None:
                return Verdict(True, "the month has no profile to judge by", {})
            return judge(profile)

        yield from by_month(context, cleaned, NAME, verdict, AssetCheckSeverity.WARN)

    return codes_are_known


def judge(profile: Profile) -> Verdict:
    """A month's codes by its profile."""
    unknown = {
        column: found for column, values in profile.codes.items() if (found := _unknown(column, values))
    }
    totals = {column: sum(values.values()) for column, values in profile.codes.items()}
    zoned = profile.rows - profile.nulls[_PICKUP_ZONE]
    if outside := zoned - sum(profile.zones.values()):
        unknown[_PICKUP_ZONE], totals[_PICKUP_ZONE] = {"outside 1 to 265": outside}, zoned
    metadata = {"columns": len(profile.codes) + 1, "unknown_values": sum(map(len, unknown.values()))}
    if not unknown:
        return Verdict(True, "every code has a meaning", metadata)
    shares = {column: sum(found.values()) / totals[column] for column, found in unknown.items()}
    rows = [
        (column, value, f"{count:,}", f"{count / totals[column]:.3%}")
        for column, found in unknown.items()
        for value, count in found.items()
    ]
    words = "; ".join(
        f"{column}: {' '.join(', '.join(found).split())} ({shares[column]:.2%} of the values)"
        for column, found in unknown.items()
    )
    head = ("column", "value", "rows", "share")
    told = {**metadata, "unknown": MetadataValue.md(markdown.table(head, rows, numbers=("rows", "share")))}
    passed = max(shares.values()) <= STRAY
    return Verdict(passed, f"{'strays' if passed else 'without a meaning'}: {words}", told)


def _unknown(column: str, values: Mapping[str, int]) -> dict[str, int]:
    return {value: count for value, count in values.items() if not is_known(column, value)}
