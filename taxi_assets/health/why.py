"""Why a run did not make what it was to make, by its own events."""

from dagster import DagsterEventType, DagsterInstance

from taxi_assets.reasons import step_reason


def why_not_made(instance: DagsterInstance, step: str, run_id: str) -> str:
    """What a step said in a run that failed; '' where it was not reached because of another one.

    Args:
        instance: Whose records.
        step: The step's key.
        run_id: The run's.
    """
    failures = [one.dagster_event for one in instance.all_logs(run_id, of_type=DagsterEventType.STEP_FAILURE)]
    for event in failures:
        if event and event.step_key == step:
            return step_reason(event)
    if failures:
        return ""
    ended = instance.all_logs(run_id, of_type=DagsterEventType.RUN_FAILURE)
    return next((one.dagster_event.message or "" for one in ended if one.dagster_event), "")
