"""Trying it out: ``alert-test`` sends, the doctor only looks, and neither shows a URL."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DefaultSensorStatus, SensorDefinition, build_sensor_context
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import serialize_value

from taxi_assets.alerts.channels import Channel
from taxi_assets.code_location import build_definitions
from taxi_assets.doctor.alerts import examine_alerts
from taxi_assets.settings import Settings
from taxi_assets_tests.alerts.receiver import Receiver

ROOT = Path(__file__).parents[2]


def alert_test(tmp_path: Path, urls: str) -> subprocess.CompletedProcess[str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("TAXI_", "DAGSTER_"))}
    given = {"TAXI_HOME": str(tmp_path), "TAXI_ALERT_URLS": urls, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "taxi_assets", "alert-test"],
        env=ours | given,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that is taken, and on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_a_test_message_is_sent_to_everybody_and_each_fate_is_told(
    tmp_path: Path, receiver: Receiver, closed_port: int
) -> None:
    urls = f"{receiver.url} nonsense://Zq9-t0ken json://me:Hx7@127.0.0.1:{closed_port}/Zq9-t0ken"
    done = alert_test(tmp_path, urls)
    assert done.stdout.splitlines() == [
        "json://127.0.0.1: sent",
        "nonsense://…: Apprise does not understand the URL",
        "json://127.0.0.1: no answer, or it was refused",
    ]
    assert (done.returncode, done.stderr) == (1, "")
    assert receiver.titles() == ["taxi_assets: a test"]


def test_all_that_went_is_success_and_nobody_to_tell_is_not(tmp_path: Path, receiver: Receiver) -> None:
    assert alert_test(tmp_path, receiver.url).returncode == 0
    done = alert_test(tmp_path, "")
    assert (done.returncode, done.stdout) == (1, "TAXI_ALERT_URLS is not set: nobody would be told.\n")


def test_the_doctor_says_of_each_url_whether_it_is_understood_and_sends_nothing(
    tmp_path: Path, receiver: Receiver
) -> None:
    def found(urls: str) -> list[tuple[str, str]]:
        settings = Settings.from_environment({"TAXI_HOME": str(tmp_path), "TAXI_ALERT_URLS": urls})
        return [(one.level, one.found) for one in examine_alerts(settings)]

    assert found("") == [("ok", "not set: nobody is told of failures")]
    assert found(f"{receiver.url} slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ slack://x") == [
        ("ok", "json://127.0.0.1 is understood; `taxi-assets alert-test` sends a message"),
        ("ok", "slack://… is understood; `taxi-assets alert-test` sends a message"),
        ("problem", "slack://… is not understood by Apprise"),
    ]
    assert receiver.attempts == 0


def test_a_code_location_loads_without_apprise(tmp_path: Path, receiver: Receiver) -> None:
    script = (
        "import sys, taxi_assets.definitions as d; d.defs; print([m for m in sys.modules if 'apprise' in m])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env={"TAXI_HOME": str(tmp_path), "TAXI_ALERT_URLS": receiver.url, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_every_url_in_the_page_is_one_that_apprise_understands() -> None:
    page = (ROOT / "docs" / "get-alerted.md").read_text(encoding="utf-8")
    shown = re.findall(r"[`' ]((?:jsons?|mailtos|slack|workflows|https)://[^`' ]+)", page)
    channels = [Channel(url) for url in shown if "dagster.example.com" not in url]
    assert len(channels) >= 7
    assert [channel.url for channel in channels if not channel.understood()] == []


def test_dagster_is_told_the_name_of_the_variable_only(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAXI_ALERT_URLS", receiver.url)
    settings = Settings.from_environment({"TAXI_HOME": str(tmp_path), "TAXI_ALERT_URLS": receiver.url})
    definitions = build_definitions(settings)
    told = serialize_value(RepositorySnap.from_def(definitions.get_repository_def()))
    assert "TAXI_ALERT_URLS" in told
    for text in (told, repr(settings), repr(definitions.resources)):
        assert "s3cr3t" not in text
        assert "t0ken" not in text
    (alerts,) = (one for one in definitions.sensors or () if one.name == "alerts")
    assert isinstance(alerts, SensorDefinition)
    assert alerts.default_status == DefaultSensorStatus.RUNNING
    resources = {"alerts": (definitions.resources or {})["alerts"]}
    with build_sensor_context(resources=resources) as context:  # where the name becomes what it holds
        (channel,) = context.resources.alerts.channels()
    assert channel.send("a", "b") is None
    assert receiver.titles() == ["a"]
