"""``reconciliation``: the comparison as an asset, with a check that is red while anything differs.

A materialization is a claim about a store, not the store: somebody drops a partition, a disk is lost, a
backup is restored, and Dagster goes on showing the month green. This asset asks. It runs every night and no
oftener, because the answer is counted and not looked up: Postgres reads every row of every month for it,
minutes at a billion rows.
"""

from collections.abc import Sequence
from functools import cache

from dagster import (
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSelection,
    DefaultScheduleStatus,
    MaterializeResult,
    MetadataValue,
    ScheduleDefinition,
    TableColumn,
    TableSchema,
    asset,
    define_asset_job,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from taxi_assets.assets.common import OPERATIONS, OWNERS, trips_key
from taxi_assets.audit.catch_up import catch_up
from taxi_assets.checks.newest import NAME as NEWEST
from taxi_assets.recovery.compare import compare
from taxi_assets.recovery.difference import Comparison, Difference, Kind
from taxi_assets.recovery.standing import stages_of, store_of
from taxi_assets.settings import Settings
from taxi_assets.targets import markdown
from taxi_assets.targets.journal import Journal, JournalAway
from taxi_assets.tlc.services import SERVICES

RECONCILIATION = AssetKey("reconciliation")
COMPARISON = "comparison"
"""Name of the metadata that holds the whole list, for the sensor ``heal``."""

JOB = "reconcile"
CHECK = "stores_hold_what_dagster_believes"
_SAID = 3  # lines of a kind in words
_SHOWN = 50  # lines of the table: a page of the UI
_NIGHTLY = "30 4 * * *"

_COLUMNS = {
    "what": f"{', '.join(Kind)}, or held back: what each means is in docs/recovery.md",
    "asset": "Where",
    "month": "Which month",
    "found": "What Dagster believes, and what stands there",
}
_SCHEMA = TableSchema([TableColumn(name, "string", meaning) for name, meaning in _COLUMNS.items()])


def reconciliation_asset(settings: Settings) -> AssetsDefinition:
    """The asset that compares all stores with Dagster's records."""
    needed = {"gate", *(store_of(stage) for stage in stages_of(settings))}
    journals = {"journal"} if "postgres" in settings.targets else set()

    @asset(
        key=RECONCILIATION,
        description="What Dagster believes of every month, against what stands in every store by query.",
        group_name=OPERATIONS,
        owners=OWNERS,
        kinds={"report"},
        code_version="1",
        metadata={"dagster/column_schema": _SCHEMA},
        required_resource_keys=needed | journals,
        check_specs=[
            AssetCheckSpec(
                CHECK,
                asset=RECONCILIATION,
                description="No month is lost or was never made, has other rows or another version, "
                "or is unknown to Dagster.",
            )
        ],
    )
    def reconciliation(context: AssetExecutionContext) -> MaterializeResult:  # type: ignore[type-arg]
        stores = {key: getattr(context.resources, key) for key in needed}
        found = compare(context.instance, stores, settings)
        said = description(found)
        caught_up = _caught_up(context, context.resources.journal, found) if journals else {}
        (context.log.info if found.clean else context.log.warning)(said)
        return MaterializeResult(
            metadata={
                **caught_up,
                **found.counts(),
                "months": found.months,
                "differences": MetadataValue.md(table(found)),
                COMPARISON: MetadataValue.json(found.to_json()),
            },
            check_results=[
                AssetCheckResult(
                    check_name=CHECK,
                    passed=found.clean,
                    severity=AssetCheckSeverity.ERROR,
                    description=said,
                    metadata=found.counts(),
                )
            ],
        )

    return reconciliation


def _caught_up(context: AssetExecutionContext, journal: Journal, found: Comparison) -> dict[str, int]:
    """Enter into the audit trail what could not be entered when it was stored."""
    try:
        return {"audit_entries_caught_up": catch_up(journal, context.instance, found.answers)}
    except JournalAway as reason:
        context.log.warning(f"{reason} The next comparison tries again.")
        return {}


@cache
def reconcile_job() -> UnresolvedAssetJobDefinition:
    """Compares once."""
    overdue = [AssetCheckKey(trips_key("raw", service), NEWEST) for service in SERVICES.values()]
    return define_asset_job(
        JOB,
        # With ``audit_trail``, where there is one, so that the UI shows a trail not older than a night; and
        # with the question whether a month is overdue, which no run of that service may ever ask.
        selection=AssetSelection.groups(OPERATIONS) | AssetSelection.checks(*overdue),
        description="Asks every store what it holds, and compares it with what Dagster believes.",
    )


def reconcile_schedule() -> ScheduleDefinition:
    """Compares every night, when nobody waits for the stores and most loads are done."""
    return ScheduleDefinition(
        name="reconcile_nightly",
        job_name=JOB,
        cron_schedule=_NIGHTLY,
        execution_timezone="America/New_York",
        default_status=DefaultScheduleStatus.RUNNING,
        description="Every night: counting all rows takes minutes, and a day is soon enough for a loss.",
    )


def description(found: Comparison) -> str:
    """What a comparison found, in words."""
    waiting = _first([f"held back: {one.service} {one.month}: {one.words}" for one in found.waiting])
    if found.clean:
        return "\n".join([f"all {found.months:,} months stand as Dagster believes", *waiting])
    counts = ", ".join(f"{count:,} {name}" for name, count in found.counts().items() if count)
    silent = [f"{table} could not be asked: {why}" for table, why in found.unanswered.items()]
    return "\n".join([counts, *silent, *_first([_line(one) for one in found.differences]), *waiting])


def _first(lines: Sequence[str]) -> list[str]:
    more = len(lines) - _SAID
    return [*lines[:_SAID], *([f"and {more:,} more: see the table"] if more > 0 else [])]


def table(found: Comparison) -> str:
    """The most urgent differences as Markdown, and below them what waits for a person."""
    lines = [
        (one.kind.value, f"{one.stage}/{one.service}_trips", one.month, one.words)
        for one in found.differences
    ]
    lines += [("held back", f"{one.service}_trips", one.month, one.words) for one in found.waiting]
    if not lines:
        return "none"
    rest = len(lines) - _SHOWN
    tail = f"\n\n{rest:,} more are in *{COMPARISON}*." if rest > 0 else ""
    return f"{markdown.table(list(_COLUMNS), lines[:_SHOWN])}{tail}"


def _line(one: Difference) -> str:
    return f"{one.stage}/{one.service}_trips {one.month}: {one.kind}: {one.words}"
