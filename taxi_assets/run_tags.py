"""The tags by which Dagster knows what a run is of, and the months that they name."""

from dagster import DagsterRun

RUN_KEY = "dagster/run_key"
"""Of a run that a sensor or schedule asked for: the same key is never run twice."""

PARTITION = "dagster/partition"
"""Of a run of one month: its key."""

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
"""Of a run of several months: the first and the last one's key."""

PRIORITY = "dagster/priority"
"""What the queue goes by: a whole number as text, the highest first; 0 where there is none."""

AHEAD_OF_BACKFILLS = {PRIORITY: "5"}
"""Tags of a run that puts right what people read: behind the newest months, ahead of a backfill (0)."""


def range_tags(first: str, last: str) -> dict[str, str]:
    """Tags of a run of the months from ``first`` to ``last``."""
    return {RANGE_START: first, RANGE_END: last}


def span_of(run: DagsterRun) -> tuple[str, str] | None:
    """First and last month of a run, as its tags name them; None where they name none."""
    tags = run.tags
    if PARTITION in tags:
        return tags[PARTITION], tags[PARTITION]
    if RANGE_START not in tags or RANGE_END not in tags:
        return None
    return tags[RANGE_START], tags[RANGE_END]


def months_of(run: DagsterRun) -> str:
    """``2024-01``, or ``2024-01 to 2024-03``; '' if the run's tags name no month."""
    span = span_of(run)
    return "" if span is None else " to ".join(dict.fromkeys(span))
