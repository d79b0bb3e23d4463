"""Run a service's job over months here and now: no daemon, no queue, the same history in the UI.

For a terminal, a notebook or a cron line. All months go through one run, one after the other.
"""

import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    Definitions,
    ExecuteInProcessResult,
)
from rich.console import Console

from taxi_assets.assets.common import monthly_partitions
from taxi_assets.assets.gate import CHECK as GATE_CHECK
from taxi_assets.code_location import build_definitions
from taxi_assets.instance import open_instance
from taxi_assets.jobs import trips_job_name
from taxi_assets.reasons import step_reason
from taxi_assets.run_launcher import launch_tags
from taxi_assets.run_tags import range_tags
from taxi_assets.settings import Settings
from taxi_assets.tlc.services import SERVICES, ServiceName, month_key


def load_months(
    settings: Settings,
    service: ServiceName,
    first: date,
    last: date,
    console: Console,
    *,
    accept: bool = False,
) -> int:
    """Load a range of months of one service into every target.

    Args:
        settings: Source and targets.
        service: Whose months.
        first: The first of them.
        last: The last of them.
        console: Where it is told how far it is, and what failed.
        accept: Let the months through the gate, however unlike their neighbours they are.

    Returns:
        Exit status: 0 if every asset was stored and every check passed, 2 if there are no such months.
    """
    known = monthly_partitions(SERVICES[service]).get_partition_keys()
    if last < first or not {month_key(first), month_key(last)} <= set(known):
        console.print(
            f"{service} has the months {known[0]} to {known[-1]}; "
            f"{month_key(first)} to {month_key(last)} is no range of them, nothing was loaded."
        )
        return 2
    accepted = [month for month in known if month_key(first) <= month <= month_key(last)] if accept else []
    definitions = build_definitions(settings)
    with open_instance(settings) as instance:
        result = _run(
            definitions,
            trips_job_name(SERVICES[service]),
            instance,
            console,
            (first, last),
            "INFO",
            resources={"gate": {"config": {"accept": accepted}}} if accepted else {},
        )
    for month in _held_back(result):
        console.print(
            f"Look at {service} {month} in the lake. If it is right, this lets it through: "
            f"taxi-assets load {service} {month} --accept",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    return 0 if result.success else 1


def run_job(
    definitions: Definitions,
    job_name: str,
    instance: DagsterInstance,
    console: Console,
    months: tuple[date, date] | None = None,
    log_level: str = "CRITICAL",
) -> bool:
    """Run a job in this process, over a range of months if it has any; says whether it succeeded.

    At the log level ``INFO`` a long month says every ten seconds how far it is.
    """
    return _run(definitions, job_name, instance, console, months, log_level, resources={}).success


def _run(
    definitions: Definitions,
    job_name: str,
    instance: DagsterInstance,
    console: Console,
    months: tuple[date, date] | None,
    log_level: str,
    *,
    resources: Mapping[str, Any],
) -> ExecuteInProcessResult:
    started = time.monotonic()
    tags = {**launch_tags(), **(range_tags(*map(month_key, months)) if months else {})}
    console.print(f"{job_name} … ", end="" if log_level == "CRITICAL" else "\n")
    with heeding_interrupts():
        result = definitions.resolve_job_def(job_name).execute_in_process(
            run_config={
                "loggers": {"console": {"config": {"log_level": log_level}}},
                "resources": resources,
            },
            instance=instance,
            tags=tags,
            raise_on_error=False,
        )
    console.print(f"{'done' if result.success else '[red]failed[/]'} in {time.monotonic() - started:.1f} s")
    for sentence in _reasons(result):
        console.print(f"  {sentence}", markup=False, highlight=False, soft_wrap=True)
    return result


@contextmanager
def heeding_interrupts() -> Iterator[None]:
    """Raise KeyboardInterrupt at the end of the block if Ctrl-C came meanwhile.

    While a job runs, Dagster takes the signal for itself: it ends the step at hand, or nothing at all where
    it has no ear for it. Python writes every signal to the wakeup descriptor too, whoever handles it.
    """
    ours, pythons = socket.socketpair()
    with ours, pythons:
        ours.setblocking(False)
        pythons.setblocking(False)
        before = signal.set_wakeup_fd(pythons.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
        with suppress(BlockingIOError):
            if signal.SIGINT in ours.recv(4096):
                raise KeyboardInterrupt


def _reasons(result: ExecuteInProcessResult) -> Iterator[str]:
    """Why steps and checks failed."""
    for event in result.all_events:
        if event.is_step_failure:
            yield f"{event.step_key}: {step_reason(event)}"
        if evaluation := _failed_check(event):
            month = f" {evaluation.partition}" if evaluation.partition else ""
            yield f"{event.step_key}{month}: {evaluation.description}"


def _held_back(result: ExecuteInProcessResult) -> Iterator[str]:
    """Months that wait for a person."""
    for event in result.all_events:
        evaluation = _failed_check(event)
        if evaluation and evaluation.check_name == GATE_CHECK and evaluation.partition:
            yield evaluation.partition


def _failed_check(event: DagsterEvent) -> AssetCheckEvaluation | None:
    if event.event_type != DagsterEventType.ASSET_CHECK_EVALUATION:
        return None
    evaluation = event.asset_check_evaluation_data
    failed = not evaluation.passed and evaluation.severity == AssetCheckSeverity.ERROR
    return evaluation if failed else None
