"""Runs as Celery tasks, whose worker's death is noticed: what dagster-celery's launcher can't tell.

A task that has begun is "started" for Celery until somebody says how it ended. A worker that is killed, or
cut off from the network, says nothing more: the run would count as started for ever, keep its place in the
queue and its slots in the pools, and its months would never come. So the workers are asked what they work on.
A run that none of them works on for ``lost_after_seconds`` is dead for Dagster's run monitoring, which marks
it failed; the retries of ``dagster.yaml`` start it again elsewhere.

The worker may come back and go on with such a run. It is told to end it, and if it is not quick enough the
run stores nothing any more, see ``targets/wanted.py``.
"""

import logging
import time
from collections.abc import Mapping
from typing import Any, cast

from celery.states import READY_STATES
from dagster import DagsterRun, Field, IntSource
from dagster._config import UserConfigSchema
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._serdes import ConfigurableClassData
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG
from redis.exceptions import RedisError

from taxi_assets.run_pools import make_pools
from taxi_assets.scale_out.workers import BrokerAway, Workers

_log = logging.getLogger(__name__)


class WatchedCeleryRunLauncher(CeleryRunLauncher):
    """dagster-celery's launcher, which also knows whether a worker still works on a run."""

    def __init__(
        self,
        lost_after_seconds: int = 60,
        inst_data: ConfigurableClassData | None = None,
        **celery: Any,
    ) -> None:
        super().__init__(inst_data=inst_data, **celery)
        self.lost_after_seconds = lost_after_seconds
        self._missed_since: dict[str, float] = {}
        self._workers = Workers(self.celery)

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """dagster-celery's, and how long a silence is borne."""
        lost_after = Field(
            IntSource,
            is_required=False,
            default_value=60,
            description="Seconds after which a run that no worker works on is dead: longer than a worker's "
            "network may be down without its runs being given to others.",
        )
        return {**cast("dict[str, Any]", super().config_type()), "lost_after_seconds": lost_after}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> "WatchedCeleryRunLauncher":
        """See ``ConfigurableClass``."""
        return cls(inst_data=inst_data, **config_value)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Put it onto the broker, when the pools that it needs are there."""
        make_pools(self._instance, context.dagster_run)
        super().launch_run(context)

    def terminate(self, run_id: str) -> bool:
        """Cancel a run; dagster-celery's launcher only kills it, and it would be started again."""
        run = self._instance.get_run_by_id(run_id)
        task = run.tags.get(DAGSTER_CELERY_TASK_ID_TAG) if run and not run.is_finished else None
        if run is None or task is None:
            return False
        self._instance.report_run_canceling(run)
        self._interrupt(task)
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether a worker says that it works on the run; while the broker is away, it is believed to."""
        task = run.tags.get(DAGSTER_CELERY_TASK_ID_TAG)
        if task is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING)  # of another launcher's: it can't be judged
        try:
            if task in self._workers.tasks():
                self._missed_since.pop(task, None)
                return CheckRunHealthResult(WorkerStatus.RUNNING, run_worker_id=task)
            ended = self.celery.AsyncResult(task).state in READY_STATES
        except (BrokerAway, RedisError) as error:
            _log.warning("The broker is away (%s): run %s is taken for alive.", error, run.run_id)
            self._missed_since.clear()
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        silence = time.monotonic() - self._missed_since.setdefault(task, time.monotonic())
        if ended:
            # Its end is in Dagster's history before the task ends, and Dagster looks there once more.
            message = "the run's task ended, and nothing told how the run did"
        elif silence >= self.lost_after_seconds:
            message = f"no worker has worked on the run for {silence:.0f} s: killed, or cut off"
        else:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "no worker works on it", run_worker_id=task)
        self._missed_since.pop(task, None)
        self._interrupt(task)  # its worker hears of it when it is back
        return CheckRunHealthResult(WorkerStatus.FAILED, message, run_worker_id=task)

    def _interrupt(self, task: str) -> None:
        """By the signal that Dagster heeds at work, so that a run can tidy up; SIGTERM would kill it."""
        self.celery.control.revoke(task, terminate=True, signal="SIGINT")
