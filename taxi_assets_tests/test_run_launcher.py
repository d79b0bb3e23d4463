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
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter
from dagster._core.events import EngineEventData
from dagster._core.launcher.base import WorkerStatus
from dagster._core.test_utils import create_run_for_test

from taxi_assets import run_launcher
from taxi_assets.instance import open_instance
from taxi_assets.run_launcher import (
    LAUNCHED_AFTER,
    PLACE,
    LocalRunLauncher,
    launch_tags,
    place,
    settle_dead_runs,
)
from taxi_assets.settings import Settings
from taxi_assets_tests.assets.graph import publish
from taxi_assets_tests.servers.cdn import Cdn, serve_cdn
from taxi_assets_tests.servers.faults import stalled
from taxi_assets_tests.servers.history import history

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


def test_a_dead_process_is_told_from_a_living_one_and_from_one_that_is_not_ours_to_judge(
    environment: dict[str, str], cdn: Cdn
) -> None:
    killed_in_the_download(environment, cdn)
    home = Path(environment["TAXI_HOME"]) / "dagster"
    with history(home) as instance:
        launcher = instance.run_launcher
        assert isinstance(launcher, LocalRunLauncher)
        assert launcher.supports_check_run_worker_health

        def judged(launched_at: str) -> WorkerStatus:
            (run,) = instance.get_runs()
            instance.add_run_tags(run.run_id, {PLACE: launched_at})
            (run,) = instance.get_runs()
            return launcher.check_run_worker_health(run).status

        host, boot, space = place().split("/", 2)
        assert judged(place()) == WorkerStatus.FAILED
        assert judged(f"elsewhere/{boot}/{space}") == WorkerStatus.RUNNING
        assert judged(f"{host}/{boot}/pid:[1]") == WorkerStatus.RUNNING, "a container beside us"
        assert judged(f"{host}/the-boot-before/{space}") == WorkerStatus.FAILED

        judged(place())
        assert settle_dead_runs(instance) == 1
        assert settle_dead_runs(instance) == 0
        assert started(instance) == []


def test_a_living_process_lives_whatever_the_clock_says(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_launcher._lives(os.getpid(), launch_tags())
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: time.time() + 3600)
    assert run_launcher._lives(os.getpid(), launch_tags())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when a process began by no clock")
def test_a_dead_run_whose_number_another_process_has_now_is_ended_and_a_living_one_is_not(
    tmp_path: Path,
) -> None:
    settings = Settings.from_environment({"TAXI_HOME": str(tmp_path)})
    with subprocess.Popen(["sleep", "60"]) as process, open_instance(settings) as instance:

        def run_of_it(tags: dict[str, str]) -> DagsterRun:
            run: DagsterRun = create_run_for_test(instance, tags=tags, status=DagsterRunStatus.STARTED)
            instance.report_engine_event("Started.", run, EngineEventData.in_process(process.pid))
            return run

        an_hour_ago = float(launch_tags()[LAUNCHED_AFTER]) - 3600
        dead = run_of_it({**launch_tags(), LAUNCHED_AFTER: f"{an_hour_ago:.0f}"})
        living = [run_of_it(launch_tags()), run_of_it({PLACE: place()})]
        assert settle_dead_runs(instance) == 1
        ended = instance.get_run_by_id(dead.run_id)
        assert ended
        assert ended.status == DagsterRunStatus.FAILURE
        assert set(started(instance)) == {run.run_id for run in living}
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # a signal is sent before it has killed
        assert settle_dead_runs(instance) == len(living)


def test_a_run_that_died_while_it_was_canceled_gives_its_slot_back(
    environment: dict[str, str], cdn: Cdn
) -> None:
    killed_in_the_download(environment, cdn)
    home = Path(environment["TAXI_HOME"]) / "dagster"
    with history(home) as instance:
        (run,) = instance.get_runs()
        instance.report_run_canceling(run)
        assert settle_dead_runs(instance) == 1
        (run,) = instance.get_runs()
        assert run.status == DagsterRunStatus.CANCELED
        assert instance.event_log_storage.get_concurrency_run_ids() == set()


def test_a_history_that_a_power_cut_spoilt_keeps_nobody_from_starting(
    environment: dict[str, str], cdn: Cdn
) -> None:
    killed_in_the_download(environment, cdn)
    home = Path(environment["TAXI_HOME"]) / "dagster"
    (log,) = (home / "history" / "runs").glob("*-*.db")
    log.write_bytes(log.read_bytes()[:4096])
    with open_instance(Settings.from_environment(environment)) as instance:
        assert len(started(instance)) == 1, "what can't be judged is believed"


def test_a_load_that_is_interrupted_in_a_step_ends_there_and_is_not_tried_again(
    environment: dict[str, str], cdn: Cdn
) -> None:
    cdn.script(f"trip-data/{NAME}", *[stalled(100, 60)] * 3)
    line = [sys.executable, "-m", "taxi_assets", "load", "green", "2023-01"]
    loading = subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 60
    while not cdn.downloads() and time.monotonic() < deadline:
        time.sleep(0.05)
    loading.send_signal(signal.SIGINT)
    said, _ = loading.communicate(timeout=30)
    assert loading.returncode == 130, said.decode()
    assert len(cdn.downloads()) == 1, "it was not fetched again"
    with history(Path(environment["TAXI_HOME"]) / "dagster") as instance:
        (run,) = instance.get_runs()
        assert run.is_finished
        assert run.status != DagsterRunStatus.SUCCESS
        assert instance.event_log_storage.get_concurrency_run_ids() == set()


def test_runs_of_an_instance_with_another_launcher_are_left_alone() -> None:
    with DagsterInstance.ephemeral() as instance:
        assert settle_dead_runs(instance) == 0
