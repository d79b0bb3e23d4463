"""``alerts``: the sensor that tells people what went wrong, once, and that it is right again, once."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from dagster import (
    AssetKey,
    DefaultSensorStatus,
    RunRecord,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from taxi_assets.alerts.ended_runs import EndedRun, ended_runs
from taxi_assets.alerts.events import MATTERING, sorted_events
from taxi_assets.alerts.freshness import freshness_messages, freshness_outcome
from taxi_assets.alerts.memory import Memory, Unsent
from taxi_assets.alerts.messages import failure, recovery
from taxi_assets.alerts.outbox import deliver
from taxi_assets.alerts.outcomes import outcome_of
from taxi_assets.alerts.problems import Board, Outcome, Problem, advance
from taxi_assets.alerts.republished import republished
from taxi_assets.alerts.resource import Alerts
from taxi_assets.alerts.stores import held_in_stores
from taxi_assets.setting_secrets import masked, secrets_of
from taxi_assets.settings import Settings

USUAL_INTERVAL = 30
"""Seconds: soon enough for a person, and as often as Dagster's own daemons look."""

LONGEST_BODY = 4000
"""Characters: what a chat takes as one message, and what keeps twenty of them in a cursor."""


def alerts_sensor(settings: Settings) -> SensorDefinition:
    """Tells of months, checks and services that went wrong; runs by itself if anybody is to be told."""

    @sensor(
        name="alerts",
        minimum_interval_seconds=settings.interval(USUAL_INTERVAL),
        default_status=DefaultSensorStatus.RUNNING if settings.alert_urls else DefaultSensorStatus.STOPPED,
        description="Tells TAXI_ALERT_URLS what went wrong, once, and that it is right again, once.",
    )
    def evaluate(context: SensorEvaluationContext, alerts: Alerts) -> SensorResult:
        now = time.time()
        memory, understood = Memory.parsed(context.cursor, now)
        if not understood:
            context.log.warning("The cursor can't be read: what ended before now will not be told.")
        runs = look(context, memory, settings, now)
        told = len(memory.outbox)
        refused = deliver(memory, alerts.channels())
        for why in refused:
            context.log.warning(f"A message could not be sent over {why}. It is tried again.")
        waiting = [f"{len(memory.outbox)} of them still to send"] if memory.outbox else []
        said = ", ".join([f"{runs} runs ended", f"{told} messages", *waiting, *refused])
        return SensorResult(cursor=memory.model_dump_json(), skip_reason=SkipReason(said))

    return evaluate


def look(context: SensorEvaluationContext, memory: Memory, settings: Settings, now: float) -> int:
    """Bring the memory up to date, put into its outbox what is to be told; says how many runs ended."""
    board = memory.board()
    keys = _assets(context)
    runs = ended_runs(context.instance, memory, now, _ours(context))
    messages = [message for run in runs for message in _of_run(context, run, board, settings)]
    change = advance(board, freshness_outcome(context.instance, keys, now))
    messages += freshness_messages(context.instance, change, settings.ui_url)
    memory.keep(_still_there(board, keys))
    memory.outbox += [message.model_copy(update={"body": _cut(message.body)}) for message in messages]
    return len(runs)


def _of_run(
    context: SensorEvaluationContext, ended: EndedRun, board: Board, settings: Settings
) -> Iterable[Unsent]:
    instance, run_id = context.instance, ended.record.dagster_run.run_id
    link = f"{settings.ui_url}/runs/{run_id}"
    told = sorted_events(instance.all_logs(run_id, of_type=MATTERING))
    outcome = _without_secrets(outcome_of(instance, ended, told), settings)
    change = advance(board, outcome)
    if change.begun:
        held = held_in_stores(instance, [*change.begun, *outcome.skipped])
        yield failure(outcome, change, held, link)
    if change.ended:
        yield recovery(change, board, link)
    if not ended.late:
        yield from republished(told, link)


def _without_secrets(outcome: Outcome, settings: Settings) -> Outcome:
    """Errors are written without passwords; should a library quote one all the same, it ends here."""
    secrets = secrets_of(settings)
    return replace(outcome, failed={problem: masked(why, secrets) for problem, why in outcome.failed.items()})


def _assets(context: SensorEvaluationContext) -> list[AssetKey]:
    """Every asset of the code location."""
    repository = context.repository_def
    return sorted(repository.asset_graph.get_all_asset_keys()) if repository else []


def _ours(context: SensorEvaluationContext) -> Callable[[RunRecord], bool]:
    """Whether a run is of this code location; one of a terminal or a test knows its job's name only."""
    repository, here = context.repository_def, context.code_location_origin

    def ours(record: RunRecord) -> bool:
        run = record.dagster_run
        if run.remote_job_origin and here:
            found = run.remote_job_origin.repository_origin.code_location_origin
            return found.location_name == here.location_name
        return repository is None or repository.has_job(run.job_name)

    return ours


def _still_there(board: Board, keys: Iterable[AssetKey]) -> Board:
    """Without the problems of assets that are no more, as of a target that was switched off."""
    names = {key.to_user_string() for key in keys}

    def stays(problem: Problem) -> bool:
        return problem.kind == "run" or problem.name.partition(" ")[0] in names

    return {problem: standing for problem, standing in board.items() if stays(problem) or not names}


def _cut(body: str) -> str:
    """A body of bearable length, with its last line, the link."""
    text, _, link = body.rpartition("\n")
    return body if len(body) <= LONGEST_BODY else f"{text[: LONGEST_BODY - len(link) - 2]}…\n{link}"
