"""Is the newest month there that the TLC must have published by now?

Dagster's freshness policies go by the time of an asset's last materialization, of whichever month: a
backfill of 2015 makes a service fresh. This check looks at the months themselves. It is evaluated with
every run of the service, and every night by ``reconcile``, so that a service of which nothing comes is
noticed as well.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime

from dagster import AssetCheckResult, AssetChecksDefinition, AssetCheckSeverity, asset_check

from taxi_assets.assets.common import trips_key
from taxi_assets.targets.files import FileStore
from taxi_assets.tlc.services import Service, month_key, next_month, previous_month

NAME = "newest_month_is_held"

_HISTORY = 12  # months behind from which on somebody keeps a piece of history and does not wait for new ones


def today() -> date:
    """In UTC, as publication times are."""
    return datetime.now(UTC).date()


def newest_month_check(service: Service, clock: Callable[[], date] = today) -> AssetChecksDefinition:
    """The newest month that the longest lag ever seen allows to expect is held."""
    raw = trips_key("raw", service)

    @asset_check(
        asset=raw,
        name=NAME,
        description=f"The newest month that must be out, {service.longest_lag.days} days after its end, "
        "the longest lag ever seen, is held.",
    )
    def newest_month_is_held(raw_files: FileStore) -> AssetCheckResult:
        held = [month for month in raw_files.partitions("/".join(raw.path)) if month]
        passed, words = judge(service, max(held, default=None), clock())
        return AssetCheckResult(passed=passed, severity=AssetCheckSeverity.ERROR, description=words)

    return newest_month_is_held


def judge(service: Service, newest: date | None, on: date) -> tuple[bool, str]:
    """Whether a service is as new as it must be on a day, in words.

    Args:
        service: Whose months.
        newest: The newest month that is held; None if there is none.
        on: The day.
    """
    due = previous_month(on)
    while next_month(due) + service.longest_lag > on:
        due = previous_month(due)
    if newest is None:
        return True, "no month is held, so none is waited for"
    behind = behind_by(newest, due)
    if behind is None:
        return True, f"the newest month is {month_key(newest)}: a piece of history, no new one is waited for"
    if behind > 0:
        return False, f"{month_key(due)} should be out for sure, the newest month held is {month_key(newest)}"
    return True, f"the newest month held is {month_key(newest)}"


def behind_by(newest: date, due: date) -> int | None:
    """How many months the newest one is behind; None for a piece of history, which waits for no new ones."""
    behind = (due.year - newest.year) * 12 + due.month - newest.month
    return None if behind >= _HISTORY else behind
