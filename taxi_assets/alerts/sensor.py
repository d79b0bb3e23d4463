"""``alerts``: the sensor that tells people what went wrong, once, and that it is right again, once."""

import time
from collections.abc import Iterator
from dataclasses import replace

from dagster import (
    DagsterInstance,
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from taxi_assets.alerts.ended_runs import EndedRun, ended_runs
from taxi_assets.alerts.events import MATTERING, sorted_events
from taxi_assets.alerts.freshness import freshness_messages, freshness_outcome
from taxi_assets.alerts.location import CodeLocation
from taxi_assets.alerts.memory import Memory
from taxi_assets.alerts.messages import failure, recovery
from taxi_assets.alerts.outbox import Unsent
from taxi_assets.alerts.outcomes import outcome_of
from taxi_assets.alerts.problems import Board, Outcome, advance
from taxi_assets.alerts.republished import republished
from taxi_assets.alerts.resource import Alerts
from taxi_assets.alerts.stores import held_in_stores
from taxi_assets.run_tags import months_of
from taxi_assets.setting_secrets import masked, secrets_of
from taxi_assets.settings import Settings

USUAL_INTERVAL = 30
"""Seconds: soon enough for a person, and as often as Dagster's own daemons look."""

MOST_AT_ONCE = 10
"""Messages of one look: nobody reads more, and a chat that takes one a second gets them within a tick."""


def alerts_sensor(settings: Settings) -> SensorDefinition:
    """Tells of months, checks and services that went wrong; runs by itself if anybody is to be told."""

    @sensor(
        name="alerts",
        minimum_interval_seconds=settings.interval(USUAL_INTERVAL),
        default_status=DefaultSensorStatus.RUNNING if settings.alert_urls else DefaultSensorStatus.STOPPED,
        description="Tells TAXI_ALERT_URLS what went wrong, once, and that it is right again, once.",
    )
    def evaluate(context: SensorEvaluationContext, alerts: Alerts) -> SensorResult:
        now, began = time.time(), time.monotonic()
        memory, understood = Memory.parsed(context.cursor, now)
        if not understood:
            context.log.warning("The cursor can't be read: what ended before now will not be told.")
        runs = look(context, memory, settings, now)
        told = len(memory.outbox.messages)
        refused = memory.outbox.deliver(alerts.channels(), context.log, began)
        left = len(memory.outbox.messages)
        waiting = [f"{left} of them still to send"] if left else []
        said = ", ".join([f"{runs} runs ended", f"{told} messages", *waiting, *refused])
        return SensorResult(cursor=memory.model_dump_json(), skip_reason=SkipReason(said))

    return evaluate


def look(context: SensorEvaluationContext, memory: Memory, settings: Settings, now: float) -> int:
    """Bring the memory up to date, put into its outbox what is to be told; says how many runs ended."""
    board, here = memory.board(), CodeLocation.of(context)
    runs = ended_runs(context.instance, memory, now, here.ran)
    messages = [message for run in runs for message in _of_run(context.instance, run, board, here, settings)]
    change = advance(board, freshness_outcome(context.instance, here.assets, now))
    messages += freshness_messages(context.instance, change, settings.ui_url)
    memory.keep(here.still(board))
    memory.outbox.add(_bearable(messages, settings.ui_url))
    return len(runs)


def _of_run(
    instance: DagsterInstance, ended: EndedRun, board: Board, here: CodeLocation, settings: Settings
) -> Iterator[Unsent]:
    run = ended.record.dagster_run
    link = f"{settings.ui_url}/runs/{run.run_id}"
    try:
        told = here.of_ours(sorted_events(instance.all_logs(run.run_id, of_type=MATTERING)))
    except Exception as error:
        # One run that can't be read must not silence all others for ever.
        title = f"{run.job_name} {months_of(run)}: what the run did can't be read"
        why = masked(f"{type(error).__name__}: {error}", secrets_of(settings))
        yield Unsent(title=title, body=f"{why}\n{link}", kind="warning")
        return
    outcome = _tellable(outcome_of(instance, ended, told), here, settings)
    change = advance(board, outcome)
    if change.begun:
        held = held_in_stores(instance, [*change.begun, *outcome.skipped])
        yield failure(outcome, change, held, link)
    if change.ended:
        yield recovery(change, board, link)
    if not ended.late:
        yield from republished(told, link)


def _tellable(outcome: Outcome, here: CodeLocation, settings: Settings) -> Outcome:
    """An outcome about this code location only, without passwords, should a library have quoted one."""
    secrets = secrets_of(settings)
    told = {problem: masked(why, secrets) for problem, why in outcome.failed.items() if here.knows(problem)}
    return replace(outcome, failed=told)


def _bearable(messages: list[Unsent], ui_url: str) -> list[Unsent]:
    """Messages; of very many, as after a night without a daemon, their titles in one."""
    if len(messages) > MOST_AT_ONCE:
        title = f"{len(messages)} pieces of news, first: {messages[0].title}"
        lines = [f"- {message.title}" for message in messages]
        return [Unsent(title=title, body="\n".join([*lines, f"{ui_url}/runs"]), kind="warning")]
    return messages
