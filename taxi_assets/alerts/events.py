"""The events of a run that matter to alerts, read once and sorted by what they are about."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from dagster import (
    AssetCheckEvaluation,
    AssetMaterialization,
    DagsterEvent,
    DagsterEventType,
    EventLogEntry,
)

from taxi_assets.alerts.problems import Problem
from taxi_assets.reasons import reason, step_reason


@dataclass
class Told:
    """What a run's events tell.

    Attributes:
        planned: What the run was to make or check, and the step that was to do it.
        made: Asset months that it materialized.
        replaced: Materializations that took the place of another content.
        judged: Checks that it evaluated, by month where they were; the last evaluation counts.
        failed_steps: Why they failed.
        failure: Why the run failed.
    """

    planned: dict[Problem, str] = field(default_factory=dict)
    made: set[Problem] = field(default_factory=set)
    replaced: dict[Problem, AssetMaterialization] = field(default_factory=dict)
    judged: dict[Problem, AssetCheckEvaluation] = field(default_factory=dict)
    failed_steps: dict[str, str] = field(default_factory=dict)
    failure: str = "failed"


def sorted_events(entries: Iterable[EventLogEntry]) -> Told:
    """Everything that a run told, without a check's summary over its months where the months are there."""
    told = Told()
    for entry in entries:
        if event := entry.dagster_event:
            _READERS[event.event_type](told, event)
    by_month = {check.name for check in told.judged if check.month}
    told.judged = {
        check: found for check, found in told.judged.items() if check.month or check.name not in by_month
    }
    return told


def _plan_asset(told: Told, event: DagsterEvent) -> None:
    data = event.asset_materialization_planned_data
    months = data.partitions_subset.get_partition_keys() if data.partitions_subset else [data.partition or ""]
    name = data.asset_key.to_user_string()
    told.planned |= {Problem("asset", name, month): event.step_key or "" for month in months}


def _plan_check(told: Told, event: DagsterEvent) -> None:
    data = event.asset_check_planned_data
    months = data.partitions_subset.get_partition_keys() if data.partitions_subset else [""]
    name = f"{data.asset_key.to_user_string()} {data.check_name}"
    told.planned |= {Problem("check", name, month): event.step_key or "" for month in months}


def _make(told: Told, event: DagsterEvent) -> None:
    made = event.step_materialization_data.materialization
    problem = Problem("asset", made.asset_key.to_user_string(), made.partition or "")
    told.made.add(problem)
    # A step that is tried again finds the file unchanged that its first try replaced: that one counts.
    if "sha256_before" in made.metadata:
        told.replaced[problem] = made


def _judge(told: Told, event: DagsterEvent) -> None:
    found = event.asset_check_evaluation_data
    name = f"{found.asset_key.to_user_string()} {found.check_name}"
    told.judged[Problem("check", name, found.partition or "")] = found


def _fail_step(told: Told, event: DagsterEvent) -> None:
    told.failed_steps[event.step_key or ""] = step_reason(event)


def _fail(told: Told, event: DagsterEvent) -> None:
    # Who marks a dead run as failed from outside has no data, only a message.
    error = event.job_failure_data.error if event.event_specific_data else None
    told.failure = reason(error) if error else event.message or "failed"


Reader: TypeAlias = Callable[[Told, DagsterEvent], None]

_READERS: Mapping[DagsterEventType, Reader] = {
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED: _plan_asset,
    DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED: _plan_check,
    DagsterEventType.ASSET_MATERIALIZATION: _make,
    DagsterEventType.ASSET_CHECK_EVALUATION: _judge,
    DagsterEventType.STEP_FAILURE: _fail_step,
    DagsterEventType.RUN_FAILURE: _fail,
}

MATTERING = set(_READERS)
"""The types of events to read."""
