"""The code server of a container: it ends when it can't tell dead runs, and is asked which runs live."""

import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRunStatus, job, op
from dagster._core.launcher.base import WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

from taxi_assets.code_server import EXIT_STATUS, HOUSEKEEPER
from taxi_assets.code_server_health import answers
from taxi_assets.code_server_run_launcher import CodeServerRunLauncher
from taxi_assets_tests.servers.processes import free_port, stop

THREADS = """
    import sys, threading, time
    from taxi_assets.code_server import end_without_housekeeper

    threading.excepthook = end_without_housekeeper

    def die() -> None:
        raise OSError("the database does not answer")

    threading.Thread(target=die, name=sys.argv[1]).start()
    time.sleep(1)
    print("still there")
"""


def with_a_thread_that_dies(name: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", textwrap.dedent(THREADS), name]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def test_the_server_ends_with_the_thread_that_looks_after_runs() -> None:
    done = with_a_thread_that_dies(HOUSEKEEPER)
    assert done.returncode == EXIT_STATUS
    assert "the database does not answer" in done.stderr
    assert "still there" not in done.stdout


def test_the_death_of_another_thread_does_not_end_the_server() -> None:
    done = with_a_thread_that_dies("somebody-else")
    assert done.returncode == 0
    assert "the database does not answer" in done.stderr
    assert "still there" in done.stdout


def test_nobody_answers_where_no_server_is() -> None:
    assert not answers(free_port(), within=1)


@contextmanager
def code_server(port: int, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The server of the image's default command, over settings of no store that is running."""
    line = [sys.executable, "-m", "taxi_assets.code_server", "--host", "127.0.0.1", "--port", str(port)]
    given = {"TAXI_HOME": str(home), "TAXI_SOURCE_URL": "synthetic", "DAGSTER_DISABLE_TELEMETRY": "yes"}
    process = subprocess.Popen(line, env=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not answers(port, within=2):
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.2)
        yield process
    finally:
        stop(process, within=10)


@pytest.mark.slow
def test_a_run_that_the_server_does_not_have_is_dead_and_one_that_cannot_be_asked_of_is_believed(
    tmp_path: Path,
) -> None:
    port = free_port()
    with DagsterInstance.ephemeral() as instance:
        launcher = CodeServerRunLauncher()
        launcher.register_instance(instance)
        tags = {GRPC_INFO_TAG: f'{{"host": "127.0.0.1", "port": {port}}}'}
        run = instance.create_run_for_job(
            job_def=idle, status=DagsterRunStatus.STARTED, tags=tags, asset_selection=None
        )
        assert launcher.check_run_worker_health(run).status == WorkerStatus.RUNNING, "nobody can be asked"
        with code_server(port, tmp_path):
            assert launcher.check_run_worker_health(run).status == WorkerStatus.FAILED
        untold = instance.create_run_for_job(job_def=idle, status=DagsterRunStatus.STARTED)
        assert launcher.check_run_worker_health(untold).status == WorkerStatus.RUNNING


@op
def nothing() -> None:
    """Nothing."""


@job
def idle() -> None:
    nothing()
