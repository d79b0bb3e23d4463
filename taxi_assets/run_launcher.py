"""Runs on one machine, whose death is noticed: what Dagster's default launcher can't tell.

A run is a process of the code server's. If it alone dies, the server says so. If both die - a restart of
the machine, a ``kill -9`` of the whole tree, a lack of memory - nobody does: the run counts as started for
ever, keeps its place in the queue of two and its slots in the pools, and everything waits behind it. Every
run writes the number of its process into its log; here Dagster's run monitoring is told whether that process
still lives, and marks the run failed if not. The retries of ``dagster.yaml`` then start it again.

``dagster.yaml`` names this launcher. It suits one machine: a shared instance over several wants theirs
(``K8sRunLauncher`` and the like), which know their workers by other means.
"""

import psutil
from dagster import (
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    DefaultRunLauncher,
    RunsFilter,
)
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus

_CLOCK_SLACK = 2.0  # seconds by which the start of a process and its first event may seem to be swapped


class LocalRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, which also knows whether a run's process lives."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """It does."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the process that the run told of is there; a run that told of none is believed."""
        process = _process_of(self._instance, run.run_id)
        if process is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        pid, since = process
        if _lives(pid, since):
            return CheckRunHealthResult(WorkerStatus.RUNNING, run_worker_id=str(pid))
        message = f"the run's process {pid} is gone: killed, or the machine was restarted"
        return CheckRunHealthResult(WorkerStatus.FAILED, message, run_worker_id=str(pid))


def settle_dead_runs(instance: DagsterInstance) -> int:
    """Mark the runs of this machine whose processes are gone as failed, and free their slots in the pools.

    The daemon does the same, every ``poll_interval_seconds``; commands that run without a daemon would wait
    for ever for the slot of a run that was killed.

    Returns:
        How many there were; 0 where another launcher is configured, whose runs may live elsewhere.
    """
    launcher = instance.run_launcher
    if not isinstance(launcher, LocalRunLauncher):
        return 0
    settled = 0
    for run in instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.STARTED])):
        health = launcher.check_run_worker_health(run)
        if health.status == WorkerStatus.FAILED:
            instance.report_run_failed(run, health.msg)
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            settled += 1
    return settled


def _process_of(instance: DagsterInstance, run_id: str) -> tuple[int, float] | None:
    """Number of the run's process and when it told of it; the last one, as a run can be resumed."""
    for entry in reversed(instance.all_logs(run_id, of_type=DagsterEventType.ENGINE_EVENT)):
        data = entry.dagster_event.engine_event_data if entry.dagster_event else None
        pid = data.metadata.get("pid") if data else None
        if pid is not None:
            return int(str(pid.value)), entry.timestamp
    return None


def _lives(pid: int, since: float) -> bool:
    """Whether the process is there, and the same one: numbers are given again, above all after a restart."""
    try:
        process = psutil.Process(pid)
        began, state = process.create_time(), process.status()
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
    return bool(began <= since + _CLOCK_SLACK and state != psutil.STATUS_ZOMBIE)
