"""Why a step failed, in the words of whoever raised it; the history has the tracebacks."""

from dagster import DagsterEvent
from dagster_shared.error import SerializableErrorInfo

# Dagster wraps what a step raised: "Exceeded max_retries of 3" says less than the error inside.
_WRAPPERS = ("Dagster", "RetryRequested")


def reason(error: SerializableErrorInfo | None) -> str:
    """The first error in the chain that is not Dagster's wrapping, without the name of its class.

    Not the innermost one: who raises ``from`` another error does it to say more, as which setting to look at.
    """
    while error and error.cause and (error.cls_name or "").startswith(_WRAPPERS):
        error = error.cause
    if error is None:
        return "failed"
    said = error.message.strip()
    name, separator, rest = said.partition(": ")
    return rest if separator and name.endswith(f".{error.cls_name}") else said


def step_reason(event: DagsterEvent) -> str:
    """Why the step of a STEP_FAILURE failed."""
    return reason(event.step_failure_data.error)
