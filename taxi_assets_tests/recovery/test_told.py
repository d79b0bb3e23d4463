"""What is left to people is sent to them: once, together, and to each as soon as that can be."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from taxi_assets_tests.alerts.receiver import Receiver, serve_receiver
from taxi_assets_tests.assets.graph import Graph
from taxi_assets_tests.recovery.healing import Healer
from taxi_assets_tests.recovery.test_heal import lost, tell

TITLE = "taxi_assets: what could not be mended is left to you"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with serve_receiver() as made:
        yield made


@pytest.fixture
def other() -> Iterator[Receiver]:
    with serve_receiver() as made:
        yield made


@pytest.fixture
def healer(tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Healer]:
    """A sensor over no stores at all, and somebody to tell."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("TAXI_ALERT_URLS", receiver.url)  # read there: it is a secret
    variables = {"TAXI_ALERT_URLS": receiver.url}
    graph = Graph(tmp_path / "home", "postgresql://nobody@127.0.0.1:1/none", variables=variables)
    with graph.instance:
        yield Healer(graph)


def given_up(healer: Healer) -> None:
    """Three months are still lost after two runs each."""
    for _ in range(3):
        tell(healer, *lost("lake", "2022-01", "2022-03"), *lost("raw", "2022-05"))
        healer.look()


def test_all_that_is_given_up_is_one_message(healer: Healer, receiver: Receiver) -> None:
    given_up(healer)
    (message,) = receiver.take()
    lakes, raw, link = message.body.splitlines()
    assert lakes.startswith(
        "lake/green_trips 2022-01, 2022-03 is still wrong (lost) after it was loaded again"
    )
    assert raw.startswith("raw/green_trips 2022-05 is still wrong")
    assert link == "http://localhost:3000/assets/reconciliation"
    assert message.kind == "failure"
    healer.look()
    tell(healer, *lost("lake", "2022-01", "2022-03"), *lost("raw", "2022-05"))
    healer.look()
    assert receiver.take() == []


def test_a_message_that_did_not_go_goes_at_the_next_look(
    healer: Healer, receiver: Receiver, capfd: pytest.CaptureFixture[str]
) -> None:
    receiver.status = 503
    given_up(healer)
    healer.look()
    said = capfd.readouterr().err
    assert said.count("could not be sent over json://127.0.0.1: it answered 503") == 2
    assert "s3cr3t" not in said
    assert "t0ken" not in said
    receiver.status = 200
    healer.look()
    assert len(receiver.take()) == 1
    healer.look()
    assert receiver.take() == []


def test_one_of_two_who_is_down_gets_the_message_when_it_is_back_and_the_other_gets_it_once(
    healer: Healer, receiver: Receiver, other: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAXI_ALERT_URLS", f"{receiver.url} {other.url}")
    receiver.status = 503
    given_up(healer)
    healer.look()
    assert (receiver.titles(), other.titles()) == ([], [TITLE])
    receiver.status = 200
    healer.look()
    healer.look()
    assert (receiver.titles(), other.titles()) == ([TITLE], [TITLE])
    assert receiver.received == other.received


def test_while_somebody_is_down_what_is_left_is_asked_for_nonetheless(
    healer: Healer, receiver: Receiver
) -> None:
    receiver.status = 503
    given_up(healer)
    tell(healer, *lost("lake", "2022-01"), *lost("raw", "2022-07"))
    assert [one.partition_key for one in healer.look()] == ["2022-07"]


def test_one_bad_address_does_not_make_the_others_hear_it_again(
    healer: Healer, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAXI_ALERT_URLS", f"{receiver.url} json://127.0.0.1:1/nobody")
    given_up(healer)
    healer.look()
    assert len(receiver.take()) == 1
