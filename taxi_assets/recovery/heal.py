"""The sensor ``heal``: asks for the runs that mend what the newest ``reconciliation`` found.

It asks once for each difference and comparison, and twice at most as long as a difference stands: after that
it says so once and leaves it to a person, while the check of ``reconciliation`` stays red.
"""

from datetime import UTC, datetime

from dagster import (
    DagsterInstance,
    DefaultSensorStatus,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from taxi_assets.jobs import trips_job
from taxi_assets.recovery.believed import under_way
from taxi_assets.recovery.difference import Comparison
from taxi_assets.recovery.memory import Memory
from taxi_assets.recovery.plan import Repair, plan
from taxi_assets.recovery.reconciliation import COMPARISON, RECONCILIATION
from taxi_assets.settings import Settings
from taxi_assets.tlc.services import SERVICES

MOST_RUNS = 20
"""Asked for at one look; the rest at the next. A tick has a minute, creating a run takes up to a second."""

_USUAL_SECONDS = 60


def heal_sensor(settings: Settings) -> SensorDefinition:
    """The sensor that mends."""

    @sensor(
        name="heal",
        jobs=[trips_job(service) for service in SERVICES.values()],
        minimum_interval_seconds=settings.interval(_USUAL_SECONDS),
        default_status=DefaultSensorStatus.RUNNING,
        description="Loads again, from the nearest intact upstream, exactly the months that the newest "
        "reconciliation found lost or differing.",
    )
    def heal(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        newest = newest_comparison(context.instance)
        if newest is None:
            return SkipReason("nothing was compared yet: the job reconcile does it every night")
        number, comparison = newest
        memory = Memory.read(context.cursor)
        if memory.comparison == number and memory.settled:
            return SkipReason("all that the newest comparison found was asked for")
        if memory.comparison != number:
            memory.turn_to(number, comparison)
        left = _left_to_people(context, memory, comparison)
        repairs = _due(context.instance, settings, memory, comparison, left)
        requests = [_asked(one, memory) for one in repairs[:MOST_RUNS]]
        memory.settled = len(repairs) <= MOST_RUNS
        reason = None if requests else SkipReason("nothing that a run could mend")
        return SensorResult(run_requests=requests, skip_reason=reason, cursor=memory.write())

    return heal


def newest_comparison(instance: DagsterInstance) -> tuple[int, Comparison] | None:
    """The newest comparison with the number of its record."""
    for record in instance.fetch_materializations(RECONCILIATION, limit=1).records:
        materialization = record.asset_materialization
        told = materialization.metadata.get(COMPARISON) if materialization else None
        if told is not None and isinstance(told.value, dict):
            return record.storage_id, Comparison.from_json(told.value)
    return None


def _left_to_people(
    context: SensorEvaluationContext, memory: Memory, comparison: Comparison
) -> set[tuple[str, str, str]]:
    left: set[tuple[str, str, str]] = set()
    for one, attempt in memory.given_up(comparison):
        left.add((one.service, one.stage, one.month))
        if not attempt.told:
            attempt.told = True
            context.log.error(
                f"{one.stage}/{one.service}_trips {one.month} is still wrong ({one.kind}) after it was "
                f"loaded again on {' and '.join(attempt.days)}: look at those runs, mend what they say, "
                "and load it."
            )
    return left


def _due(
    instance: DagsterInstance,
    settings: Settings,
    memory: Memory,
    comparison: Comparison,
    left: set[tuple[str, str, str]],
) -> list[Repair]:
    """Runs that are still to be asked for; what a run is at already is left to it."""
    busy = under_way(instance, but=f"{memory.comparison}:")  # those that were asked for at the last look
    for one in comparison.differences:
        if one.month in busy.get(one.service, ()) and not memory.handled(one):
            memory.of(one).seen = memory.comparison
    waiting = [one for one in comparison.differences if not memory.handled(one)]
    return plan(Comparison(waiting, comparison.unanswered), settings, left)


def _asked(repair: Repair, memory: Memory) -> RunRequest:
    today = datetime.now(UTC).date().isoformat()
    for one in repair.mends:
        attempt = memory.of(one)
        attempt.seen = memory.comparison
        attempt.days.append(today)
    return repair.request(str(memory.comparison))
