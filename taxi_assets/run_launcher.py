"""Runs on one machine, whose death is noticed: what Dagster's default launcher can't tell.

A run is a process of the code server's. If it alone dies, the server says so. If both die - a restart of
the machine, a ``kill -9`` of the whole tree, a lack of memory - nobody does: the run counts as started
for ever, keeps its place in the queue of two and its slots in the pools, and everything waits behind it.
Every run writes the number of its process into its log; here Dagster's run monitoring is told whether
that process still lives, and marks the run failed if not. The retries of ``dagster.yaml`` then start it
again.

Numbers of processes are given again, at the latest after a restart, and mean something else in a container
beside us. So each run is tagged with where and when it was launched; only who stands in the same place may
judge it, and a process that began long after the launch is another one. That is told by the seconds since the
machine's start, as a clock that is set would end living runs.

``dagster.yaml`` names this launcher. It suits one machine: a shared instance over several wants theirs
(``K8sRunLauncher`` and the like), which know their workers by other means.
"""

import logging
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
from dagster import (
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    DefaultRunLauncher,
    RunsFilter,
)
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, WorkerStatus

PLACE = "taxi_assets/launched_at"
"""Tag of a run: host, its start of the machine, and its space of process numbers."""

LAUNCHED_AFTER = "taxi_assets/launched_after"
"""Tag of a run: seconds from the machine's start to its launch; missing where the system can't tell them."""

_LAUNCH_TAKES = 600.0
"""Seconds from the launch within which the run's process has begun: Dagster waits a tenth of that for it."""

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_SPACE = Path("/proc/self/ns/pid")
_log = logging.getLogger(__name__)


class LocalRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, which also knows whether a run's process lives."""

    def launch_run(self, context: LaunchRunContext) -> None:
        """Launch it, and write down where and when."""
        self._instance.add_run_tags(context.dagster_run.run_id, launch_tags())
        super().launch_run(context)

    @property
    def supports_check_run_worker_health(self) -> bool:
        """It does."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the process that the run told of is there; one that can't be judged is believed."""
        pid = _process_of(self._instance, run.run_id)
        if pid is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if _lives(pid, run.tags):
            return CheckRunHealthResult(WorkerStatus.RUNNING, run_worker_id=str(pid))
        message = f"the run's process {pid} is gone: killed, or the machine was restarted"
        return CheckRunHealthResult(WorkerStatus.FAILED, message, run_worker_id=str(pid))


def place() -> str:
    """Where processes are numbered as here: ``host/boot/space``; what can't be told is left empty."""
    boot = _BOOT.read_text().strip() if _BOOT.exists() else ""
    space = str(_SPACE.readlink()) if _SPACE.is_symlink() else ""
    return f"{platform.node()}/{boot}/{space}"


def launch_tags() -> dict[str, str]:
    """Tags of a run that is launched here and now."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return {PLACE: place()}
    return {PLACE: place(), LAUNCHED_AFTER: f"{time.clock_gettime(time.CLOCK_BOOTTIME):.0f}"}


def settle_dead_runs(instance: DagsterInstance) -> int:
    """End the runs of this machine whose processes are gone, and free their slots in the pools.

    The daemon does the same, every ``poll_interval_seconds``; commands that run without a daemon would wait
    for ever for the slot of a run that was killed.

    Returns:
        How many there were; 0 where another launcher is configured, whose runs may live elsewhere.
    """
    launcher = instance.run_launcher
    if not isinstance(launcher, LocalRunLauncher):
        return 0
    settled = 0
    for run in instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING])):
        health = launcher.check_run_worker_health(run)
        if health.status == WorkerStatus.FAILED:
            if run.status == DagsterRunStatus.CANCELING:
                instance.report_run_canceled(run, health.msg)
            else:
                instance.report_run_failed(run, health.msg)
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            settled += 1
    return settled


def _process_of(instance: DagsterInstance, run_id: str) -> int | None:
    """Number of the run's process. None if its log doesn't tell."""
    try:
        entries = instance.all_logs(run_id, of_type=DagsterEventType.ENGINE_EVENT)
    except Exception as error:
        _log.warning("The log of run %s can't be read (%s): it is taken for alive.", run_id, error)
        return None
    for entry in reversed(entries):
        data = entry.dagster_event.engine_event_data if entry.dagster_event else None
        pid = data.metadata.get("pid") if data else None
        if pid is not None:
            return int(str(pid.value))
    return None


def _lives(pid: int, tags: Mapping[str, str]) -> bool:
    """Whether a run's process lives; one launched where numbers mean something else is believed to."""
    here, there = place().split("/", 2), tags.get(PLACE, place()).split("/", 2)
    if here[0] != there[0]:
        return True
    if here[1] != there[1]:
        return False  # the machine was restarted since
    if here[2] != there[2]:
        return True
    try:
        if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return False
    except psutil.NoSuchProcess:
        return False
    began, launched = _began(pid), tags.get(LAUNCHED_AFTER)
    return began is None or launched is None or began <= float(launched) + _LAUNCH_TAKES


def _began(pid: int) -> float | None:
    """Seconds from the machine's start to that of a process, as Linux tells them; None elsewhere."""
    try:
        told = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    after_name = told.rpartition(b")")[2].split()  # the name before it may hold anything
    return int(after_name[19]) / os.sysconf("SC_CLK_TCK")
