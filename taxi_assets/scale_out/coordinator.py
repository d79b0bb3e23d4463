"""As many runs at once as the workers have places for: what a number in a file can't follow.

A run that is put onto the broker and finds no worker waits there, out of Dagster's sight and out of order,
and counts as failed when it has waited for too long. So runs wait in Dagster's queue until a worker has a
place for them. A worker that dies takes its places with it, one that is added brings its own.
"""

import logging

from dagster import QueuedRunCoordinator
from dagster._core.run_coordinator.queued_run_coordinator import RunQueueConfig
from dagster_celery.launcher import CeleryRunLauncher

from taxi_assets.scale_out.workers import BrokerAway, Workers

_log = logging.getLogger(__name__)
_NO_LIMIT = -1


class PlacesRunCoordinator(QueuedRunCoordinator):
    """Dagster's queue, as wide as the workers that answer; ``max_concurrent_runs`` is the most.

    For that, ``dagster.yaml`` must not name ``max_concurrent_runs`` under ``concurrency``, which would win.
    """

    _workers: Workers | None = None

    def get_run_queue_config(self) -> RunQueueConfig:
        """See ``QueuedRunCoordinator``; the daemon asks before each look at the queue."""
        config = super().get_run_queue_config()
        launcher = self._instance.run_launcher
        if not isinstance(launcher, CeleryRunLauncher):
            return config
        if self._workers is None:
            self._workers = Workers(launcher.celery)
        try:
            places = self._workers.places(launcher.default_queue)
        except BrokerAway as reason:
            _log.warning("The broker is away (%s): runs wait in the queue.", reason)
            places = 0
        most = config.max_concurrent_runs
        return config._replace(max_concurrent_runs=places if most == _NO_LIMIT else min(places, most))
