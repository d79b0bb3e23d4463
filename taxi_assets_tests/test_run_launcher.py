"""A run that was killed is known to be dead: its place in the queue and its pool slots are free again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._core.launcher.base import WorkerStatus

from taxi_assets.instance import open_instance
from taxi_assets.run_launcher import LocalRunLauncher, settle_dead_runs
from taxi_assets.settings import Settings
from taxi_assets_tests.assets.graph import publish
from taxi_assets_tests.servers.cdn import Cdn, serve_cdn
from taxi_assets_tests.servers.faults import stalled

NAME = "green_tripdata_2023-01.parquet"


@pytest.fixture
def cdn(tmp_path: Path) -> Iterator[Cdn]:
    content = (publish(tmp_path / "made", "green", "2023-01", rows=500) / NAME).read_bytes()
    with serve_cdn() as serving:
        serving.publish(f"trip-data/{NAME}", content)
        yield serving


@pytest.fixture
def environment(tmp_path: Path, postgres_url: str, cdn: Cdn) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("TAXI_", "DAGSTER_"))}
    return {
        **ours,
        "TAXI_HOME": str(tmp_path / "home"),
        "TAXI_POSTGRES_URL": postgres_url,
        "TAXI_SOURCE_URL": cdn.trip_data,
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


def killed_in_the_download(environment: dict[str, str], cdn: Cdn) -> None:
    """A ``load`` that dies by SIGKILL while it holds the slot of the pool ``source``."""
    cdn.script(f"trip-data/{NAME}", stalled(100, 60))
    line = [sys.executable, "-m", "taxi_assets", "load", "green", "2023-01"]
    loading = subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not cdn.downloads() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert cdn.downloads(), "it never came to the download"
    loading.send_signal(signal.SIGKILL)
    loading.wait()


def started(instance: DagsterInstance) -> list[str]:
    return [run.run_id for run in instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.STARTED]))]


def test_a_load_after_a_killed_one_does_not_wait_for_its_slot_and_settles_its_history(
    environment: dict[str, str], cdn: Cdn
) -> None:
    killed_in_the_download(environment, cdn)
    again = subprocess.run(
        [sys.executable, "-m", "taxi_assets", "load", "green", "2023-01"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert again.returncode == 0, again.stdout + again.stderr
    with open_instance(Settings.from_environment(environment)) as instance:
        assert started(instance) == []
        statuses = [run.status for run in instance.get_runs()]
        assert statuses == [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE]
        assert instance.event_log_storage.get_concurrency_run_ids() == set()


def test_a_dead_process_is_told_from_a_living_one_and_from_another_of_the_same_number(
    environment: dict[str, str], cdn: Cdn, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_in_the_download(environment, cdn)
    home = Path(environment["TAXI_HOME"]) / "dagster"
    with DagsterInstance.from_config(str(home)) as instance:
        launcher = instance.run_launcher
        assert isinstance(launcher, LocalRunLauncher)
        assert launcher.supports_check_run_worker_health
        (run,) = instance.get_runs()
        assert launcher.check_run_worker_health(run).status == WorkerStatus.FAILED

        # The number of a process that began long ago is the run's own, that of a younger one is not.
        monkeypatch.setattr(psutil, "Process", lambda _: _Recycled(began=0.0))
        assert launcher.check_run_worker_health(run).status == WorkerStatus.RUNNING
        monkeypatch.setattr(psutil, "Process", lambda _: _Recycled(began=time.time() + 60))
        assert launcher.check_run_worker_health(run).status == WorkerStatus.FAILED
        monkeypatch.undo()

        assert settle_dead_runs(instance) == 1
        assert settle_dead_runs(instance) == 0
        assert started(instance) == []


def test_runs_of_an_instance_with_another_launcher_are_left_alone() -> None:
    with DagsterInstance.ephemeral() as instance:
        assert settle_dead_runs(instance) == 0


class _Recycled:
    """What the operating system says of a process with the run's number."""

    def __init__(self, began: float) -> None:
        self._began = began

    def create_time(self) -> float:
        return self._began

    def status(self) -> str:
        return psutil.STATUS_RUNNING
