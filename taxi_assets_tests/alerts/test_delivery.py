"""A message reaches everybody at least once, whoever refuses it meanwhile, and shows no secret on its way."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
from dagster import DagsterInstance

from taxi_assets.alerts import Alerts, outbox
from taxi_assets.alerts.channels import Channel
from taxi_assets.settings import Settings
from taxi_assets_tests.alerts.receiver import Receiver, serve_receiver
from taxi_assets_tests.alerts.scripted import Scripted
from taxi_assets_tests.alerts.watcher import Watcher

SECRETS = ("Hx7", "s3cr3t", "Zq9", "t0ken", "hidden-word")


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    with DagsterInstance.ephemeral() as instance:
        yield Scripted(instance, {"raw"})


@pytest.fixture
def watcher(scripted: Scripted, receiver: Receiver, tmp_path: Path) -> Watcher:
    settings = Settings.from_environment(
        {"TAXI_HOME": str(tmp_path), "TAXI_POSTGRES_URL": "postgresql://me:hidden-word@db.example/taxi"}
    )
    made = Watcher(scripted.definitions, scripted.instance, settings, receiver.url)
    made.tick()
    return made


@pytest.fixture
def other() -> Iterator[Receiver]:
    with serve_receiver() as made:
        yield made


def test_what_could_not_be_sent_is_sent_later_once(
    scripted: Scripted, watcher: Watcher, receiver: Receiver
) -> None:
    receiver.status = 503
    scripted.run("2024-01")
    watcher.tick()
    assert "1 of them still to send" in watcher.said[-1]
    scripted.run("2024-02")
    watcher.tick()
    receiver.status = 200
    watcher.tick()
    watcher.tick()
    assert receiver.titles() == ["green 2024-01: raw failed", "green 2024-02: raw failed"]
    assert watcher.memory.outbox.messages == []


def test_one_who_refuses_keeps_nobody_else_from_being_told_and_is_told_alone_later(
    scripted: Scripted, watcher: Watcher, receiver: Receiver, other: Receiver
) -> None:
    watcher.urls = f"nonsense://Zq9-t0ken {receiver.url} {other.url}"
    receiver.status = 500
    scripted.run("2024-01")
    watcher.tick()
    assert (receiver.titles(), len(other.titles())) == ([], 1)
    receiver.status = 200
    watcher.tick()
    watcher.tick()
    assert (len(receiver.titles()), len(other.titles())) == (1, 1)
    assert [message.receivers for message in watcher.memory.outbox.messages] == [[0]]
    watcher.urls = f"{receiver.url} {other.url}"  # somebody took the bad one out
    watcher.tick()
    assert watcher.memory.outbox.messages == []


def test_those_that_hang_for_all_the_time_there_is_keep_the_others_waiting_for_one_look_only(
    receiver: Receiver, other: Receiver
) -> None:
    receiver.status, receiver.pause = 503, 0.6
    channels = Alerts(urls=f"{receiver.url} {other.url}").channels()
    box = outbox.Outbox()
    box.add([outbox.Unsent(title="green 2024-01: raw failed", body="why", kind="failure")])

    def look() -> None:
        nonlocal box
        box = outbox.Outbox.model_validate_json(box.model_dump_json())
        box.deliver(channels, logging.getLogger(), monotonic() - outbox.SENDS_UNTIL + 0.5)

    look()
    assert (receiver.attempts, other.attempts) == (1, 0)
    look()
    assert other.titles() == ["green 2024-01: raw failed"]
    receiver.status = 200
    look()
    assert (receiver.titles(), other.attempts) == (["green 2024-01: raw failed"], 1)
    assert box == outbox.Outbox()


def test_messages_in_a_cursor_of_the_earlier_form_are_sent(watcher: Watcher, receiver: Receiver) -> None:
    cursor = json.loads(str(watcher.cursor))
    cursor["outbox"] = [{"title": "green 2024-01: raw failed", "body": "why", "kind": "failure"}]
    watcher.cursor = json.dumps({**cursor, "dropped": {}})
    watcher.tick()
    assert receiver.titles() == ["green 2024-01: raw failed"]
    assert watcher.memory.outbox.messages == []


def test_a_refusal_is_not_asked_again_in_the_same_look(
    scripted: Scripted, watcher: Watcher, receiver: Receiver
) -> None:
    receiver.status = 503
    for month in ("2024-01", "2024-02", "2024-03"):
        scripted.run(month)
    watcher.tick()
    assert receiver.attempts == 1


def test_of_too_many_messages_the_oldest_are_dropped_and_their_number_is_said(
    scripted: Scripted, watcher: Watcher, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MOST_KEPT", 2)
    receiver.status = 503
    for month in ("2024-01", "2024-02", "2024-03", "2024-04", "2024-05"):
        scripted.run(month)
        watcher.tick()
    assert len(watcher.memory.outbox.messages) == 2
    receiver.status = 200
    watcher.tick()
    first, second = receiver.received
    assert (first.title, second.title) == ("green 2024-04: raw failed", "green 2024-05: raw failed")
    assert first.body.endswith(
        "3 older messages could not be sent and were dropped: Dagster has what they told."
    )
    assert "dropped" not in second.body


def test_very_many_pieces_of_news_at_once_are_one_message(
    scripted: Scripted, watcher: Watcher, receiver: Receiver
) -> None:
    months = [f"2024-{number:02}" for number in range(1, 12)]
    for month in months:
        scripted.run(month)
    watcher.tick()
    (message,) = receiver.received
    assert message.title == "11 pieces of news, first: green 2024-01: raw failed"
    assert message.body.splitlines()[:-1] == [f"- green {month}: raw failed" for month in months]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("jsons://me:pw@hooks.example.com:8443/token", "jsons://hooks.example.com"),
        ("json://me:p@ss@hooks.example.com/token", "json://…"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "slack://…"),
        ("ntfy://topic", "ntfy://…"),
        ("json://[half", "json://…"),
    ],
)
def test_of_a_url_no_more_is_shown_than_its_scheme_and_a_real_host(url: str, shown: str) -> None:
    assert Channel(url).name == shown
    assert repr(Channel(url)) == "Channel()"


def test_nobody_to_tell_is_nothing_to_keep(scripted: Scripted, watcher: Watcher) -> None:
    watcher.urls = ""
    scripted.run("2024-01")
    watcher.tick()
    assert watcher.memory.outbox.messages == []
    assert len(watcher.memory.board()) == 3


def test_the_tick_says_which_channel_failed_and_how_without_its_url(
    scripted: Scripted, watcher: Watcher, receiver: Receiver
) -> None:
    receiver.status = 503
    watcher.urls = f"{receiver.url} slack://Zq9-t0ken/Hx7-s3cr3t"
    scripted.run("2024-01")
    watcher.tick()
    said = watcher.said[-1]
    assert "json://127.0.0.1: it answered 503" in said
    assert "slack://…: Apprise does not understand the URL" in said


def test_no_secret_is_in_a_message_a_tick_a_cursor_or_a_log(
    scripted: Scripted,
    watcher: Watcher,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("apprise", "urllib3", "urllib3.connectionpool", "dagster"):
        caplog.set_level(logging.DEBUG, name)
    scripted.reason = "FATAL: password authentication failed: hidden-word"
    watcher.urls = f"{receiver.url} nonsense://Zq9-t0ken json://me:Hx7-s3cr3t@127.0.0.1:1/Zq9-t0ken"
    scripted.run("2024-01")
    capfd.readouterr()  # what the run itself logs is not ours
    caplog.clear()
    watcher.tick()
    (message,) = receiver.received
    assert "password authentication failed: ***" in message.body
    alerts = Alerts(urls=watcher.urls)
    shown = [
        message.title + message.body,
        watcher.said[-1],
        str(watcher.cursor),
        caplog.text,
        "".join(capfd.readouterr()),
        repr(alerts),
        str(alerts),
        repr(alerts.channels()),
        repr(watcher.settings),
    ]
    for text in shown:
        assert [secret for secret in SECRETS if secret in text] == []


def test_the_resource_has_a_channel_for_each_url_and_shows_none() -> None:
    alerts = Alerts(urls="json://127.0.0.1/Hx7\njson://localhost/Zq9  slack://t0ken")
    assert [one.name for one in alerts.channels()] == ["json://127.0.0.1", "json://localhost", "slack://…"]
    assert Alerts(urls="").channels() == []
    assert "Hx7" not in repr(alerts)
