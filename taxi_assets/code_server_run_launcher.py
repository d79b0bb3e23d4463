"""Runs in the container of the code server, whose death is noticed from another container.

Dagster's default launcher has the code server start a run, and never looks again: if that container is
restarted, its runs count as started for ever, with their places in the queue and their slots in the pools.
Numbers of processes, by which ``run_launcher.py`` judges on one machine, mean nothing across containers. So
here Dagster's run monitoring asks the code server itself, over the connection that launched the run, which
runs it has. A server that was restarted has none of those from before.

``deploy/dagster.yaml`` names this launcher; on Kubernetes a run is a pod, and ``K8sRunLauncher`` knows it.
"""

import logging

from dagster import DagsterRun, DefaultRunLauncher, deserialize_value
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._grpc.types import GetCurrentRunsResult

from taxi_assets.run_pools import make_pools

_log = logging.getLogger(__name__)


class CodeServerRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, which also asks the code server whether a run lives."""

    def launch_run(self, context: LaunchRunContext) -> None:
        """Have the code server start it, when the pools that it needs are there."""
        make_pools(self._instance, context.dagster_run)
        super().launch_run(context)

    @property
    def supports_check_run_worker_health(self) -> bool:
        """It does."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the server that started the run still has it.

        A server that does not answer is being restarted, or is busy: its runs are believed until it can be
        asked. To call them dead would start them a second time beside the living ones.
        """
        client = self._get_grpc_client_for_termination(run.run_id)  # type: ignore[no-untyped-call]
        if client is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        try:
            answer = deserialize_value(client.get_current_runs(), GetCurrentRunsResult)
        except DagsterUserCodeUnreachableError as error:
            _log.warning("The code server can't be asked of run %s: %s", run.run_id, error)
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if run.run_id in answer.current_runs:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(
            WorkerStatus.FAILED,
            "the code server has no such run: its process died, or the server was restarted",
        )
