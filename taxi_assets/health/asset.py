"""``health``: an asset whose materialization is the page, and how it is kept new.

It comes after ``reconciliation`` every night, and every hour in which anything happened: a run of it costs
four seconds and a line in the list of runs, and of a quiet installation it would say the same again.
"""

from collections.abc import Sequence
from datetime import timedelta
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
    DagsterInstance,
    DefaultScheduleStatus,
    MaterializeResult,
    MetadataValue,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    asset,
    define_asset_job,
    schedule,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from taxi_assets.assets.common import OPERATIONS, OWNERS
from taxi_assets.health.facts import Facts
from taxi_assets.health.finding import Urgency, count
from taxi_assets.health.findings import findings
from taxi_assets.health.look import CHECK, look
from taxi_assets.health.page import page
from taxi_assets.recovery.reconciliation import RECONCILIATION
from taxi_assets.settings import Settings

HEALTH = AssetKey("health")
JOB = "look_at_health"

_HOURLY = "7 * * * *"  # off the full hour, at which everything else begins
_RECENT = 20  # runs looked through for one that is not the page's own
_SETTLED = timedelta(minutes=1)
"""A run tells of its end a moment after its last event: later than the page that came out of it."""


def health_asset(settings: Settings, checks: Sequence[AssetCheckKey]) -> AssetsDefinition:
    """The page.

    Args:
        settings: Which targets are on, and where people open the UI.
        checks: Every check of the code location.
    """

    @asset(
        key=HEALTH,
        deps=[RECONCILIATION],
        description="Is everything all right? What is wrong, the most urgent first, and what to do about it.",
        group_name=OPERATIONS,
        owners=OWNERS,
        kinds={"report"},
        code_version="1",
        required_resource_keys={"journal"} if "postgres" in settings.targets else set(),
        check_specs=[
            AssetCheckSpec(
                CHECK,
                asset=HEALTH,
                description="Nothing on the page is urgent. Only a warning: what is urgent has failed a run "
                "or a check of its own, which alerts people once; an error here would do so again.",
            )
        ],
    )
    def health(context: AssetExecutionContext) -> MaterializeResult:  # type: ignore[type-arg]
        facts = look(context.instance, settings, checks, getattr(context.resources, "journal", None))
        return result(facts, settings)

    return health


def result(facts: Facts, settings: Settings) -> MaterializeResult:  # type: ignore[type-arg]
    """The page with its numbers, which the UI draws over time."""
    found = count(findings(facts))
    urgent, text = found[Urgency.URGENT], page(facts, settings)
    return MaterializeResult(
        metadata={
            "page": MetadataValue.md(text),
            "urgent": urgent,
            "to_look_at": found[Urgency.LOOK],
            "to_know": found[Urgency.NOTE],
            **{f"months/{name}": len(one.held) for name, one in facts.services.items()},
        },
        check_results=[
            AssetCheckResult(
                check_name=CHECK,
                passed=not urgent,
                severity=AssetCheckSeverity.WARN,
                description=text.splitlines()[0].replace("**", ""),
            )
        ],
    )


@cache
def health_job() -> UnresolvedAssetJobDefinition:
    """Makes the page anew."""
    return define_asset_job(
        JOB,
        selection=AssetSelection.assets(HEALTH),
        description="Says what is wrong now, the most urgent first; asks no store, and takes seconds.",
    )


def health_schedule() -> ScheduleDefinition:
    """Makes the page anew every hour in which anything happened."""

    @schedule(
        name="health_hourly",
        job_name=JOB,
        cron_schedule=_HOURLY,
        execution_timezone="UTC",
        default_status=DefaultScheduleStatus.RUNNING,
        description="Makes the page anew when a run began or ended since; every night it is made anyway.",
    )
    def hourly(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
        if why_not := unchanged(context.instance):
            return SkipReason(why_not)
        return RunRequest()

    return hourly


def unchanged(instance: DagsterInstance) -> str:
    """Why the page would say the same again, or ''."""
    records = instance.fetch_materializations(HEALTH, limit=1).records
    runs = instance.get_run_records(limit=_RECENT, order_by="update_timestamp")
    others = [run for run in runs if run.dagster_run.job_name != JOB]
    if not records:
        return "" if others else "nothing ran yet"
    since = records[0].timestamp
    for run in others:
        late = _SETTLED.total_seconds() if run.dagster_run.run_id == records[0].run_id else 0
        if run.update_timestamp.timestamp() > since + late:
            return ""
    return "nothing ran since the page was made"
