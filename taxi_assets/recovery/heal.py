"""The sensor ``heal``: asks for the runs that mend what the newest ``reconciliation`` found.

It asks once for each difference and comparison, and twice at most as long as a difference stands: after that
it says so once and leaves it to people (``left.py``), while the check of ``reconciliation`` stays red.

When its runs have ended it asks for another comparison. That shows that they helped, and finds what they
left: a raw file that came back in another version has targets behind it that are to follow. What they did
not help waits for the nightly one.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from time import monotonic

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

from taxi_assets.alerts import Alerts
from taxi_assets.assets.published_source import PublishedSource
from taxi_assets.jobs import trips_job
from taxi_assets.recovery.believed import under_way
from taxi_assets.recovery.compared import Compared, newest_comparison
from taxi_assets.recovery.difference import Comparison, Difference
from taxi_assets.recovery.left import left_to_people, say
from taxi_assets.recovery.memory import HealMemory
from taxi_assets.recovery.plan import Repair, plan
from taxi_assets.recovery.reconciliation import JOB, reconcile_job
from taxi_assets.run_tags import AHEAD_OF_BACKFILLS, RUN_KEY
from taxi_assets.settings import Settings
from taxi_assets.tlc.services import SERVICES

MOST_RUNS = 20
"""Asked for at one look; the rest at the next. A tick has a minute, creating a run takes up to a second."""

_USUAL_SECONDS = 60
_AGAIN = ":again"  # ends the run key of a comparison that is asked for here
_RECENT = 500  # runs looked through for those that were asked for: more than a tick's, and a night's backfill


def heal_sensor(settings: Settings) -> SensorDefinition:
    """The sensor that mends."""

    @sensor(
        name="heal",
        jobs=[*(trips_job(service) for service in SERVICES.values()), reconcile_job()],
        minimum_interval_seconds=settings.interval(_USUAL_SECONDS),
        default_status=DefaultSensorStatus.RUNNING,
        description="Loads again, from the nearest intact upstream, exactly the months that the newest "
        "reconciliation found lost, missing or differing.",
    )
    def heal(
        context: SensorEvaluationContext, alerts: Alerts, landing: PublishedSource
    ) -> SensorResult | SkipReason:
        began = monotonic()
        newest = newest_comparison(context.instance)
        if newest is None:
            return SkipReason("nothing was compared yet: the job reconcile does it every night")
        memory = HealMemory.read(context.cursor)
        if memory.comparison == newest.number and memory.settled:
            requests = _compared_again(context.instance, memory)
            reason = "all that the newest comparison found was asked for"
        else:
            _take_up(context.instance, newest, memory)
            left = left_to_people(memory, newest.found, landing, settings)
            say(left, memory, settings.ui_url, context.log)
            shut = [one.difference for one in left]
            requests = _mended(context.instance, settings, memory, newest.found, shut)
            reason = "nothing that a run could mend"
        memory.outbox.deliver(alerts.channels(), context.log, began)
        skipped = None if requests else SkipReason(reason)
        return SensorResult(run_requests=requests, skip_reason=skipped, cursor=memory.write())

    return heal


def _take_up(instance: DagsterInstance, newest: Compared, memory: HealMemory) -> None:
    """Turn to a comparison that was not looked at yet."""
    if memory.comparison == newest.number:
        return
    memory.turn_to(newest.number, newest.found)
    run = instance.get_run_by_id(newest.run_id)
    if run and run.tags.get(RUN_KEY, "").endswith(_AGAIN):
        memory.leave_for_tonight(newest.found)


def _compared_again(instance: DagsterInstance, memory: HealMemory) -> list[RunRequest]:
    """Ask for another comparison, once the runs that were to mend have ended."""
    if not memory.mending:
        return []
    keys = f"{memory.comparison}:"
    ours = [run for run in instance.get_runs(limit=_RECENT) if run.tags.get(RUN_KEY, "").startswith(keys)]
    if not ours or not all(run.is_finished for run in ours):
        return []
    memory.mending = False
    return [RunRequest(run_key=f"{memory.comparison}{_AGAIN}", job_name=JOB, tags=AHEAD_OF_BACKFILLS)]


def _mended(
    instance: DagsterInstance,
    settings: Settings,
    memory: HealMemory,
    comparison: Comparison,
    left: Sequence[Difference],
) -> list[RunRequest]:
    """Ask for the runs that mend what the comparison found, as many as one look may."""
    repairs = _due(instance, settings, memory, comparison, left)
    requests = [_asked(one, memory) for one in repairs[:MOST_RUNS]]
    memory.settled = len(repairs) <= MOST_RUNS
    memory.mending = memory.mending or bool(requests)
    return requests


def _due(
    instance: DagsterInstance,
    settings: Settings,
    memory: HealMemory,
    comparison: Comparison,
    left: Sequence[Difference],
) -> list[Repair]:
    """Runs that are still to be asked for; what a run is at already is left to it."""
    busy = under_way(instance, but=f"{memory.comparison}:")  # those that were asked for at the last look
    for one in comparison.differences:
        if one.month in busy.get(one.service, ()) and not memory.handled(one):
            memory.of(one).seen = memory.comparison
    waiting = [one for one in comparison.differences if not memory.handled(one)]
    shut = {(one.service, one.stage, one.month) for one in left}
    return plan(Comparison(waiting, comparison.unanswered), settings, shut)


def _asked(repair: Repair, memory: HealMemory) -> RunRequest:
    today = datetime.now(UTC).date().isoformat()
    for one in repair.mends:
        attempt = memory.of(one)
        attempt.seen = memory.comparison
        attempt.days.append(today)
    return repair.request(str(memory.comparison))
