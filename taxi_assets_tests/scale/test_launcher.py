"""What launcher and queue believe when they can't ask the workers, and a worker without settings."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dagster import DagsterRun
from dagster._core.launcher.base import WorkerStatus
from dagster._core.test_utils import instance_for_test
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from taxi_assets.scale_out.launcher import WatchedCeleryRunLauncher
from taxi_assets_tests.scale.cluster import SHIPPED
from taxi_assets_tests.servers.processes import free_port

NO_PATIENCE = {"broker_connection_retry": False, "broker_transport_options": {"max_retries": 0}}


@pytest.fixture
def launcher() -> WatchedCeleryRunLauncher:
    """One whose broker is away, and which bears no silence."""
    broker = f"redis://127.0.0.1:{free_port()}/0"
    return WatchedCeleryRunLauncher(
        0, default_queue="dagster", broker=broker, backend=broker, config_source=NO_PATIENCE
    )


def test_while_the_broker_is_away_a_run_is_taken_for_alive(launcher: WatchedCeleryRunLauncher) -> None:
    run = DagsterRun("green_trips", tags={DAGSTER_CELERY_TASK_ID_TAG: "a-task"})
    assert launcher.check_run_worker_health(run).status == WorkerStatus.RUNNING
    assert launcher.check_run_worker_health(run).status == WorkerStatus.RUNNING


def test_a_run_that_another_launcher_launched_is_taken_for_alive(launcher: WatchedCeleryRunLauncher) -> None:
    assert launcher.check_run_worker_health(DagsterRun("green_trips")).status == WorkerStatus.RUNNING


def test_while_the_broker_is_away_runs_wait_in_the_queue() -> None:
    settings = yaml.safe_load(SHIPPED.read_text())
    broker = f"redis://127.0.0.1:{free_port()}/0"
    settings["run_launcher"]["config"] |= {"broker": broker, "backend": broker, "config_source": NO_PATIENCE}
    ours = {name: settings[name] for name in ("run_launcher", "run_coordinator", "concurrency")}
    with instance_for_test(overrides=ours) as instance:
        queue = instance.get_concurrency_config().run_queue_config
    assert queue is not None
    assert queue.max_concurrent_runs == 0


@pytest.mark.slow
def test_a_worker_whose_settings_name_another_launcher_says_what_it_expects(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").touch()
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path), "TAXI_HOME": str(tmp_path)}
    line = [sys.executable, "-m", "celery", "-A", "taxi_assets.scale_out.worker", "worker"]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "names the run launcher DefaultRunLauncher: expected WatchedCeleryRunLauncher" in done.stderr
