"""``reports/monthly`` and ``reports/overview``: pages for somebody who has no Dagster, kept in the lake.

A month's page follows whenever a service's month, cleaned or in a target, is newer and nothing is at work on
the month; the overview is made once a night, as a backfill of 200 months would otherwise make it 200 times.
A page is made again only if what it shows has changed.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypedDict

from dagster import (
    AllPartitionMapping,
    AssetCheckKey,
    AssetDep,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AutomationCondition,
    BackfillPolicy,
    MetadataValue,
    ResourceParam,
    RetryPolicy,
    TimeWindowPartitionMapping,
    asset,
)

from taxi_assets.assets.common import OWNERS, partitions_of_all, retry_policy, trips_key
from taxi_assets.recovery.reconciliation import CHECK as COMPARED
from taxi_assets.recovery.reconciliation import RECONCILIATION
from taxi_assets.reports import places
from taxi_assets.setting_secrets import secrets_of
from taxi_assets.settings import Settings
from taxi_assets.targets.file_io_manager import LazyFile
from taxi_assets.targets.files import FileStore
from taxi_assets.targets.target import Facts, Target
from taxi_assets.tlc.services import SERVICES, parse_month
from taxi_assets.tlc.source import Published

GROUP = "reports"
MONTHLY = AssetKey(list(places.MONTHLY))
OVERVIEW = AssetKey(list(places.OVERVIEW))

CODE_VERSION = "1"
"""Of what a page says; the look of it, in the templates, is told apart by itself."""

_MONTHS_PER_RUN = 24
"""A page takes a second or two, its run's start four."""

_NIGHTLY = "0 6 * * *"
"""After the comparison of half past four, so that the overview tells what it found."""

_JUDGING = AutomationCondition.any_checks_match(AutomationCondition.in_progress())

FOLLOWS = (
    AutomationCondition.any_deps_updated().since_last_handled()
    & ~AutomationCondition.any_deps_in_progress()
    & ~AutomationCondition.any_deps_match(_JUDGING)
    & ~AutomationCondition.in_progress()
).with_label("a service's month is newer and done")

# Its annotation is for assets only, that of ``since_last_handled`` for assets and checks.
_TICK: Any = AutomationCondition.cron_tick_passed(_NIGHTLY, "America/New_York")

NIGHTLY = (_TICK.since_last_handled() & ~AutomationCondition.in_progress()).with_label("once a night")


def report_assets(settings: Settings, checks: Sequence[AssetCheckKey]) -> list[AssetsDefinition]:
    """The two assets.

    Args:
        settings: Which targets are on, and which texts are secret.
        checks: Every check of the code location, whose verdicts are shown.
    """
    return [_monthly(settings, checks), _overview(settings, checks)]


def _monthly(settings: Settings, checks: Sequence[AssetCheckKey]) -> AssetsDefinition:
    # The services begin in different years: a page shows those that there are.
    same_month = TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)
    shown = ("cleaned", "quarantined", *settings.targets)
    deps = [
        AssetDep(trips_key(stage, service), partition_mapping=same_month)
        for service in SERVICES.values()
        for stage in shown
    ]

    @asset(
        key=MONTHLY,
        deps=deps,
        description="A month of all services as one HTML file: numbers, pictures, what adds up, what was "
        "rejected, where it comes from.",
        partitions_def=partitions_of_all(),
        backfill_policy=BackfillPolicy.multi_run(_MONTHS_PER_RUN),
        automation_condition=FOLLOWS,
        **_common(settings),
    )
    def monthly(
        context: AssetExecutionContext, lake: ResourceParam[Target], raw_files: FileStore
    ) -> Mapping[str, LazyFile]:
        from taxi_assets.reports.archive import Archive
        from taxi_assets.reports.names import zone_names

        archive = Archive(lake, raw_files, context.instance, settings.targets, checks)
        zones = zone_names(lake)
        pages = _pages(raw_files)
        months = {key: parse_month(key) for key in context.partition_keys}
        reports = frozenset({*pages, *months.values()})
        return {key: _month_file(month, archive, zones, reports, settings) for key, month in months.items()}

    return monthly


def _overview(settings: Settings, checks: Sequence[AssetCheckKey]) -> AssetsDefinition:
    @asset(
        key=OVERVIEW,
        deps=[AssetDep(MONTHLY, partition_mapping=AllPartitionMapping())],
        description="All months of all services as one HTML file: what is here, what is missing, totals, "
        "and the way to each month's report.",
        automation_condition=NIGHTLY,
        **_common(settings),
    )
    def overview(
        context: AssetExecutionContext, lake: ResourceParam[Target], raw_files: FileStore
    ) -> LazyFile:
        from taxi_assets.reports.archive import Archive, newest_verdict
        from taxi_assets.reports.overview import look_over, overview_page, summary

        archive = Archive(lake, raw_files, context.instance, settings.targets, checks)
        now = datetime.now(UTC)
        compared = newest_verdict(context.instance, AssetCheckKey(RECONCILIATION, COMPARED), None)
        found = look_over(archive, frozenset(_pages(raw_files)), now.date(), compared)

        def fetch(into: Path, known: Facts | None) -> Published | None:
            version = _version(found)
            if known and known.get("version") == version:
                return None
            html = overview_page(found, secrets_of(settings), now)
            return _written(into / places.OVERVIEW_FILE, html, version)

        return LazyFile(fetch, lambda _: _shown(raw_files, places.OVERVIEW, None, summary(found)))

    return overview


class _Common(TypedDict):
    io_manager_key: str
    retry_policy: RetryPolicy
    group_name: str
    owners: Sequence[str]
    kinds: set[str]
    code_version: str


def _common(settings: Settings) -> _Common:
    return {
        "io_manager_key": "reports_io",
        "retry_policy": retry_policy(settings),
        "group_name": GROUP,
        "owners": OWNERS,
        "kinds": {"html"},
        "code_version": CODE_VERSION,
    }


def _month_file(
    month: date, archive: Any, zones: Mapping[int, str], reports: frozenset[date], settings: Settings
) -> LazyFile:
    from taxi_assets.reports.monthly import monthly_page, summary

    files: FileStore = archive.files
    told: list[str] = []

    def fetch(into: Path, known: Facts | None) -> Published | None:
        found = [archive.of(service, month) for service in SERVICES.values()]
        told.append(summary(found))
        beside = sorted(reports & set(places.neighbours(month)))
        version = _version(found, sorted(zones.items()), beside)
        if known and known.get("version") == version:
            return None
        html = monthly_page(month, found, zones, reports, secrets_of(settings), datetime.now(UTC))
        return _written(into / places.monthly_file(month), html, version)

    return LazyFile(fetch, lambda _: _shown(files, places.MONTHLY, month, told[-1]))


def _pages(files: FileStore) -> list[date]:
    """Months that have a page."""
    return [month for month in files.partitions("/".join(places.MONTHLY)) if month]


def _version(*shown: object) -> str:
    """Changes with whatever the page shows, and with how it shows it."""
    from taxi_assets.reports.page import look

    return hashlib.sha256(repr((CODE_VERSION, look(), *shown)).encode()).hexdigest()[:16]


def _written(path: Path, html: str, version: str) -> Published:
    content = html.encode()
    path.write_bytes(content)
    facts = {"version": version, "sha256": hashlib.sha256(content).hexdigest(), "code_version": CODE_VERSION}
    return Published(path, facts)


def _shown(files: FileStore, name: Sequence[str], month: date | None, words: str) -> Mapping[str, Any]:
    """What the UI says of a page: what is in it, and where it opens."""
    address = places.readable(files.uri("/".join(name), month))
    link = MetadataValue.url(address) if address.startswith("https:") else MetadataValue.path(address)
    return {"summary": words, "open": link}
