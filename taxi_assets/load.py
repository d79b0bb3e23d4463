"""Run a service's job over months here and now: no daemon, no queue, the same history in the UI.

For a terminal, a notebook or a cron line. All months go through one run, one after the other.
"""

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date

from dagster import AssetCheckSeverity, DagsterEventType, DagsterInstance, Definitions, ExecuteInProcessResult
from rich.console import Console

from taxi_assets.assets.common import monthly_partitions
from taxi_assets.definitions import build_definitions
from taxi_assets.instance import open_instance
from taxi_assets.reasons import step_reason
from taxi_assets.run_tags import range_tags
from taxi_assets.settings import Settings
from taxi_assets.tlc.services import SERVICES, ServiceName, month_key


def load_months(settings: Settings, service: ServiceName, first: date, last: date, console: Console) -> int:
    """Load a range of months of one service into every target.

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
    definitions = build_definitions(settings)
    with open_instance(settings) as instance:
        succeeded = run_job(definitions, f"{service}_trips", instance, console, (first, last), "INFO")
    return 0 if succeeded else 1


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
    started = time.monotonic()
    tags = range_tags(*map(month_key, months)) if months else {}
    console.print(f"{job_name} … ", end="" if log_level == "CRITICAL" else "\n")
    with heeding_interrupts():
        result = definitions.resolve_job_def(job_name).execute_in_process(
            run_config={"loggers": {"console": {"config": {"log_level": log_level}}}},
            instance=instance,
            tags=tags,
            raise_on_error=False,
        )
    console.print(f"{'done' if result.success else '[red]failed[/]'} in {time.monotonic() - started:.1f} s")
    for sentence in _reasons(result):
        console.print(f"  {sentence}", markup=False, highlight=False, soft_wrap=True)
    return result.success


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
        if event.event_type == DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluation = event.asset_check_evaluation_data
            if not evaluation.passed and evaluation.severity == AssetCheckSeverity.ERROR:
                month = f" {evaluation.partition}" if evaluation.partition else ""
                yield f"{event.step_key}{month}: {evaluation.description}"
