"""Where each second of a run went, told by the run's own events: steps, and the phases of each store.

A step's seconds are Dagster's; the phases within are what the stores say of themselves in the metadata that
the UI shows. What no step has is Dagster's own: planning, events, the history in SQLite.
"""

import re
from collections.abc import Iterator, Mapping

from dagster import DagsterEvent, DagsterEventType, DagsterInstance

SUMMARY, DAGSTER = "monthly summary and pictures", "Dagster between the steps"

_STEP = re.compile(r"(raw|postgres|lake|warehouse)__\w+_trips|(clean)_\w+_trips")
_SUMMARY = re.compile(r"monthly_summary__\w+_trips")


def phases_of(instance: DagsterInstance, run_id: str) -> Mapping[str, float]:
    """Seconds by stage and phase; the lines add up to the run, from its start to its end."""
    entries = instance.all_logs(run_id)
    events = [entry.dagster_event for entry in entries if entry.dagster_event]
    stored = dict(_stored(events))
    spent: dict[str, float] = {}
    for event in events:
        if event.event_type == DagsterEventType.STEP_SUCCESS:
            for line, seconds in _lines(event, stored):
                spent[line] = spent.get(line, 0) + seconds
    record = instance.get_run_record_by_id(run_id)
    if record and record.start_time and record.end_time:
        spent[DAGSTER] = record.end_time - record.start_time - sum(spent.values())
    return spent


def _lines(event: DagsterEvent, stored: Mapping[str, Mapping[str, float]]) -> Iterator[tuple[str, float]]:
    """What a step's seconds are called."""
    step, seconds = event.step_key or "", event.step_success_data.duration_ms / 1000
    found = _STEP.fullmatch(step)
    if not found:
        yield SUMMARY if _SUMMARY.fullmatch(step) else f"check {step}", seconds
        return
    stages = [found[1]] if found[1] else ["cleaned", "quarantined"]
    for stage in stages:
        for phase, value in stored.get(stage, {}).items():
            yield f"{stage}: {phase}", value
            seconds -= value
    yield f"{stages[0]}: around it", seconds


def _stored(events: list[DagsterEvent]) -> Iterator[tuple[str, Mapping[str, float]]]:
    """For each stage what its store said of the phases."""
    for event in events:
        if event.event_type == DagsterEventType.ASSET_MATERIALIZATION and event.asset_key:
            told = event.step_materialization_data.materialization.metadata
            if phases := told.get("seconds_by_phase"):
                yield event.asset_key.path[0], phases.value  # type: ignore[misc]
