"""Which runs ended since the last look: none missed, none twice.

A run is found by the time of its last update and judged by the time of its end, which no later tag moves.
Times come from whichever machine ran it, and an end may be written late or while we read. So every look goes
back ``OVERLAP`` seconds behind the newest end that was told, and the runs told within that time are
remembered by their ids.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from dagster import DagsterInstance, DagsterRunStatus, RunRecord, RunsFilter

from taxi_assets.alerts.memory import Memory

OVERLAP = 600.0
"""Seconds that clocks of the machines that run may differ by, and that the write of an end may take."""

PATIENCE = 3600.0
"""Seconds until a failed run counts as final although a retry was promised: the retry's own daemon needs one
minute, and a backfill that somebody deleted meanwhile never gets its retry."""

MOST_RUNS = 100
"""In one look; the rest comes with the next. Reading a run of 12 months takes some 25 ms."""

_ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
_WILL_RETRY, _RETRIED_AS = "dagster/will_retry", "dagster/auto_retry_run_id"


@dataclass(frozen=True)
class EndedRun:
    """A run that ended.

    Attributes:
        record: As the instance has it.
        final: No retry will come: its failure counts.
        late: It was known before and is told again, as final.
    """

    record: RunRecord
    final: bool = True
    late: bool = False


def ended_runs(
    instance: DagsterInstance, memory: Memory, now: float, ours: Callable[[RunRecord], bool]
) -> list[EndedRun]:
    """The runs to judge now, in the order in which they ended; the memory counts them as told.

    Args:
        instance: Where runs are recorded.
        memory: What earlier looks left; brought up to date.
        now: Seconds since 1970.
        ours: Whether a run is one of this code location.
    """
    promised = _no_longer_waiting(instance, memory, now)
    seen_after = memory.newest_end - OVERLAP
    records = instance.get_run_records(
        RunsFilter(statuses=_ENDED, updated_after=datetime.fromtimestamp(seen_after, UTC)),
        order_by="update_timestamp",
        ascending=True,
    )
    unseen = [
        record
        for record in records
        if record.dagster_run.run_id not in memory.seen and end_of(record) >= seen_after
    ]
    if memory.begun:
        unseen = sorted(unseen, key=lambda record: (end_of(record), record.storage_id))[:MOST_RUNS]
    for record in unseen:
        memory.seen[record.dagster_run.run_id] = end_of(record)
    # A clock that is ahead must not hide what the others end meanwhile.
    memory.newest_end = min(now, max([memory.newest_end, *map(end_of, unseen)]))
    memory.seen = {run: end for run, end in memory.seen.items() if end >= memory.newest_end - OVERLAP}
    if not memory.begun:
        memory.begun = True
        return []
    found = [_judged(instance, memory, record) for record in unseen if ours(record)]
    return [*promised, *found]


def end_of(record: RunRecord) -> float:
    """When a run ended, in seconds since 1970."""
    return record.end_time or record.update_timestamp.timestamp()


def _judged(instance: DagsterInstance, memory: Memory, record: RunRecord) -> EndedRun:
    """With the promise of a retry remembered, if there is one."""
    run = record.dagster_run
    if run.status == DagsterRunStatus.FAILURE and _RETRIED_AS in run.tags:
        return EndedRun(record, final=False)  # one that was given up may come back and fail once more
    told = run.tags.get(_WILL_RETRY)
    # The tag is written a moment after the failure; where runs are retried, its absence decides nothing.
    undecided = told is None and instance.run_retries_enabled
    if run.status != DagsterRunStatus.FAILURE or (told != "true" and not undecided):
        return EndedRun(record)
    memory.waiting[run.run_id] = end_of(record)
    return EndedRun(record, final=False)


def _no_longer_waiting(instance: DagsterInstance, memory: Memory, now: float) -> list[EndedRun]:
    """Runs whose retry was promised and won't come. Where it has begun, the retry itself will tell."""
    if not memory.waiting:
        return []
    records = instance.get_run_records(RunsFilter(run_ids=list(memory.waiting)))
    still: dict[str, float] = {}
    final = []
    for record in records:
        run, since = record.dagster_run, memory.waiting[record.dagster_run.run_id]
        if _RETRIED_AS in run.tags:
            continue
        if run.tags.get(_WILL_RETRY) == "false" or now - since > PATIENCE:
            final.append(EndedRun(record, late=True))
        else:
            still[run.run_id] = since
    memory.waiting = still
    return final
