"""The commands for people: what they say, and what their exit status tells."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from taxi_assets.load import heeding_interrupts
from taxi_assets.settings import Settings, SettingsError
from taxi_assets.status import find_months
from taxi_assets_tests.servers.processes import free_port


@pytest.fixture
def environment(tmp_path: Path, postgres_url: str) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("TAXI_", "DAGSTER_"))}
    return {
        **ours,
        "TAXI_HOME": str(tmp_path / "home"),
        "TAXI_POSTGRES_URL": postgres_url,
        "TAXI_SOURCE_URL": "synthetic?rows=2000&seed=1",
    }


def command(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "taxi_assets", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_months_that_are_loaded_stand_in_the_status_and_add_up(environment: dict[str, str]) -> None:
    loaded = command(environment, "load", "green", "2023-01", "2023-02")
    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    shown = command(environment, "status")
    assert shown.returncode == 0
    lines = [line.split() for line in shown.stdout.splitlines() if line.startswith("green")]
    assert [line[:2] for line in lines] == [["green", "2023-01"], ["green", "2023-02"]]
    assert all(line[-1] == "yes" and line[2] == "2,000" for line in lines)


@pytest.mark.parametrize(
    "months", [("2023-02", "2023-01"), ("1999-01",), ("2090-01",), ("2023-01", "2090-01")]
)
def test_months_that_do_not_exist_are_refused_before_anything_runs(
    environment: dict[str, str], months: tuple[str, ...]
) -> None:
    refused = command(environment, "load", "green", *months)
    assert refused.returncode == 2
    assert "green has the months 2014-01 to" in refused.stdout
    assert not Path(environment["TAXI_HOME"], "lake").exists()


def test_a_month_that_fails_says_why_in_one_sentence_at_the_end(
    environment: dict[str, str], tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "green_tripdata_2023-05.parquet").write_bytes(b"<html>Sorry</html>")
    failed = command({**environment, "TAXI_SOURCE_URL": str(source)}, "load", "green", "2023-05")
    assert failed.returncode == 1
    last = failed.stdout.splitlines()[-1]
    assert "green_tripdata_2023-05.parquet" in last
    assert "expected a Parquet file" in last


def test_a_month_that_is_held_back_ends_with_the_command_that_lets_it_through(
    environment: dict[str, str],
) -> None:
    assert command(environment, "load", "green", "2023-01", "2023-02").returncode == 0
    larger = {**environment, "TAXI_SOURCE_URL": "synthetic?rows=20000&seed=1"}
    held_back = command(larger, "load", "green", "2023-03")
    assert held_back.returncode == 1
    said = held_back.stdout.splitlines()[-1]
    assert said.endswith("taxi-assets load green 2023-03 --accept")
    assert command(larger, *said.split("taxi-assets ")[1].split()).returncode == 0
    whole = {month.month: month.whole for month in find_months(Settings.from_environment(environment))}
    assert len(whole) == 3
    assert all(whole.values())


def test_a_port_that_is_taken_is_one_sentence_and_names_the_option(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = command(environment, "dev", "-p", str(port))
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"Port {port} is taken")
    assert "taxi-assets dev -p" in refused.stderr.splitlines()[0]
    assert not Path(environment["TAXI_HOME"]).exists()


@pytest.mark.parametrize("port", ["0", "70000", "http"])
def test_what_is_no_port_is_refused(environment: dict[str, str], port: str) -> None:
    refused = command(environment, "dev", "-p", port)
    assert refused.returncode == 2
    assert "from 1 to 65535" in refused.stderr


def test_a_ui_that_a_script_started_in_the_background_ends_when_it_is_interrupted(
    environment: dict[str, str],
) -> None:
    port = free_port()
    # What a shell without job control does to a command with &.
    line = ["sh", "-c", 'trap "" INT QUIT; exec "$@"', "sh", sys.executable, "-m", "taxi_assets", "dev"]
    ui = subprocess.Popen(
        [*line, "-p", str(port)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )
    try:
        until = time.monotonic() + 90
        while not _answers(f"http://127.0.0.1:{port}/server_info"):
            assert ui.poll() is None
            assert time.monotonic() < until
            time.sleep(0.5)
        ui.send_signal(signal.SIGINT)
        ui.wait(30)
    finally:
        ui.kill()


def _answers(url: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
        return bool(answer.status == 200)
    return False


def test_a_store_that_does_not_answer_is_one_sentence_and_names_the_doctor(
    environment: dict[str, str],
) -> None:
    url = "postgresql://ana:s3cret@localhost:1/taxi"
    refused = command({**environment, "TAXI_POSTGRES_URL": url}, "status")
    assert refused.returncode == 2
    assert "TAXI_POSTGRES_URL" in refused.stderr
    assert "doctor" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "s3cret" not in refused.stdout + refused.stderr


def test_status_reaches_a_postgres_whose_url_holds_a_password(
    environment: dict[str, str], postgres_url: str
) -> None:
    # The server of the tests trusts everybody: any password will do, what counts is that it is there.
    with_password = postgres_url.replace("postgresql://", "postgresql://postgres:pw@", 1).replace(
        "@postgres@", "@", 1
    )
    assert command({**environment, "TAXI_POSTGRES_URL": with_password}, "status").returncode == 0


def test_psql_opens_on_the_tables_of_the_trips(environment: dict[str, str]) -> None:
    assert command(environment, "load", "green", "2023-01").returncode == 0
    asked = command(environment, "psql", "-Atc", "SELECT count(*) FROM green_trips")
    assert asked.stdout.strip().isdecimal(), asked.stderr


def test_a_raw_file_that_is_lost_does_not_add_up(environment: dict[str, str]) -> None:
    assert command(environment, "load", "green", "2023-01").returncode == 0
    settings = Settings.from_environment(environment)
    assert find_months(settings)[0].whole
    for file in Path(settings.lake_url, "raw/green_trips/trip_month=2023-01-01").glob("*.parquet"):
        file.unlink()
    assert not find_months(settings)[0].whole


def test_two_first_loads_at_once_leave_a_history_that_the_third_can_use(
    environment: dict[str, str],
) -> None:
    line = [sys.executable, "-m", "taxi_assets", "load", "green", "2023-01"]
    pair = [subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(100) for process in pair] == [0, 0]
    assert command(environment, "load", "green", "2023-02").returncode == 0


def test_an_interrupt_that_somebody_else_swallowed_is_heeded() -> None:
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with pytest.raises(KeyboardInterrupt), heeding_interrupts():
            os.kill(os.getpid(), signal.SIGINT)
        with heeding_interrupts():
            pass
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_misspelt_variable_is_named_with_the_one_that_was_meant() -> None:
    with pytest.raises(SettingsError, match="TAXI_LAKE_ULR is no setting: did you mean TAXI_LAKE_URL"):
        Settings.from_environment({"TAXI_LAKE_ULR": "/data/lake"})
