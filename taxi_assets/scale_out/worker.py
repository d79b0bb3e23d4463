"""The Celery app of a worker: ``celery -A taxi_assets.scale_out.worker worker``, on any number of machines.

Broker and queue are those of the run launcher in ``$DAGSTER_HOME/dagster.yaml``, so they are written in one
place, and every machine has the same file.

The code location is loaded here, once: each run is a fork of the worker, which spares it the 5 s in which
Python reads Dagster and the stores' clients. After an update of the code a worker must be started again.
"""

from dagster import DagsterInstance
from dagster_celery.tasks import create_execute_job_task, create_resume_job_task

import taxi_assets.definitions  # noqa: F401 - see above
from taxi_assets.scale_out.launcher import WatchedCeleryRunLauncher

with DagsterInstance.get() as _instance:
    _launcher = _instance.run_launcher
    if not isinstance(_launcher, WatchedCeleryRunLauncher):
        raise SystemExit(
            f"{_instance.root_directory}/dagster.yaml names the run launcher {type(_launcher).__name__}: "
            "expected WatchedCeleryRunLauncher of taxi_assets.scale_out.launcher, see docs/scale-out.md."
        )
    app = _launcher.celery

create_execute_job_task(app)
create_resume_job_task(app)
