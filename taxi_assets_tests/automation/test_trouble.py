"""The publication sensor and a source or lake in trouble: what it says, to whom, and how often."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from taxi_assets.targets.files import FileStore
from taxi_assets.tlc.services import SERVICES
from taxi_assets_tests.alerts.receiver import Receiver
from taxi_assets_tests.assets.graph import months
from taxi_assets_tests.automation.conftest import Publish, path_of
from taxi_assets_tests.automation.daemon import Clock, Daemon
from taxi_assets_tests.servers.cdn import Cdn
from taxi_assets_tests.servers.faults import Fault, html, status
from taxi_assets_tests.servers.gcs import fake_gcs

MakeDaemon = Callable[..., Daemon]
(DOWN,) = status(503)
TROUBLE = "No good answer since 2024-06-10 12:00 UTC: "


def test_an_outage_over_many_ticks_is_one_warning_and_one_word_when_it_ends(
    daemon: Daemon, publish: Publish, cdn: Cdn, clock: Clock
) -> None:
    publish("2024-03")
    daemon.tick()
    daemon.run()
    clock.forward(minutes=30)
    cdn.outage = DOWN
    for _ in range(10):
        cdn.forget_requests()
        tick = daemon.tick()
        assert tick.skipped.startswith("No good answer since 2024-06-10 12:30 UTC: ")
        assert len({request.path for request in cdn.requests()}) == 1
        clock.forward(minutes=30)
    assert sum(len(tick.warnings) for tick in daemon.ticks) == 1
    cdn.outage = None
    assert daemon.tick().infos == ["the source answers again; it did not since 2024-06-10 12:30 UTC"]
    assert daemon.tick().infos == []


def test_a_source_that_is_down_at_the_first_tick_lets_watching_begin_later(
    daemon: Daemon, publish: Publish, cdn: Cdn
) -> None:
    publish("2024-02", "2024-03")
    cdn.outage = DOWN
    assert daemon.tick().requests == []
    cdn.outage = None
    assert daemon.tick().months == ["2024-03"]


@pytest.mark.parametrize(
    ("fault", "said"), [(status(401)[0], "found HTTP 401"), (html(), "found an HTML page")]
)
def test_what_only_a_person_can_mend_is_one_sentence_and_no_storm(
    daemon: Daemon, publish: Publish, cdn: Cdn, fault: Fault, said: str
) -> None:
    publish("2024-04")
    cdn.outage = fault
    for _ in range(3):
        tick = daemon.tick()
        assert tick.skipped.startswith(TROUBLE)
        assert said in tick.skipped
        assert "TAXI_SOURCE_URL" in tick.skipped
    assert len(cdn.requests()) == 3
    assert [len(tick.warnings) for tick in daemon.ticks] == [1, 0, 0]


def test_a_month_that_alone_can_not_be_looked_at_does_not_hide_the_others(
    make_daemon: MakeDaemon, publish: Publish, cdn: Cdn
) -> None:
    publish(*months("2024-01", "2024-04"))
    cdn.script(path_of("2024-04"), *status(503, times=100, on_head=True))
    daemon = make_daemon(TAXI_WATCH_FROM="2024-01")
    assert daemon.tick().requests == []
    assert sorted(daemon.tick().months) == months("2024-01", "2024-03")


def test_a_password_is_nowhere_in_what_a_tick_says_or_remembers(
    make_daemon: MakeDaemon, publish: Publish, cdn: Cdn
) -> None:
    daemon = make_daemon()
    daemon.source_url = cdn.trip_data.replace("//", "//me:s3cr3t@")
    cdn.outage = DOWN
    assert "s3cr3t" not in f"{daemon.tick()}{daemon.cursor}"


def test_a_source_that_is_down_for_hours_is_told_once_and_so_is_its_return(
    make_daemon: MakeDaemon, cdn: Cdn, clock: Clock, receiver: Receiver
) -> None:
    daemon = make_daemon(TAXI_ALERT_URLS=receiver.url, TAXI_UI_URL="http://dagster.example")
    cdn.outage = DOWN
    daemon.tick()
    clock.forward(hours=5, minutes=59)
    daemon.tick()
    assert receiver.take() == []
    clock.forward(minutes=1)
    for _ in range(3):
        daemon.tick()
        clock.forward(minutes=30)
    (told,) = receiver.take()
    assert told.title == "green: the source gives no good answer since 2024-06-10 12:00 UTC"
    assert told.kind == "failure"
    assert "HTTP 503" in told.body
    assert told.body.endswith("http://dagster.example/automation")
    cdn.outage = None
    daemon.tick()
    daemon.tick()
    assert [(one.title, one.kind) for one in receiver.take()] == [
        ("green: the source answers again", "success")
    ]


def test_an_outage_of_an_hour_is_nobodys_news(
    make_daemon: MakeDaemon, cdn: Cdn, clock: Clock, receiver: Receiver
) -> None:
    daemon = make_daemon(TAXI_ALERT_URLS=receiver.url)
    for outage in (DOWN, None, DOWN, None):
        cdn.outage = outage
        clock.forward(hours=5)
        daemon.tick()
    assert receiver.received == []


@pytest.mark.parametrize(
    ("fault", "said"), [(status(401)[0], "found HTTP 401"), (html(), "found an HTML page")]
)
def test_what_only_a_person_can_mend_is_told_at_once(
    make_daemon: MakeDaemon, publish: Publish, cdn: Cdn, receiver: Receiver, fault: Fault, said: str
) -> None:
    publish("2024-04")
    cdn.outage = fault
    daemon = make_daemon(SERVICES["fhv"], TAXI_ALERT_URLS=receiver.url)
    daemon.tick()
    daemon.tick()
    (told,) = receiver.take()
    assert told.title.startswith("fhv: ")
    assert said in told.body


def test_a_message_that_can_not_be_sent_is_tried_again_at_the_next_tick(
    make_daemon: MakeDaemon, cdn: Cdn, receiver: Receiver
) -> None:
    daemon = make_daemon(TAXI_ALERT_URLS=receiver.url)
    (cdn.outage,) = status(401)
    receiver.status = 503
    assert any("could not be sent" in warning for warning in daemon.tick().warnings)
    assert "s3cr3t" not in f"{daemon.ticks}{daemon.cursor}"
    assert "t0ken" not in f"{daemon.ticks}{daemon.cursor}"
    receiver.status = 200
    cdn.outage = None
    daemon.tick()
    assert [one.kind for one in receiver.take()] == ["failure", "success"]
    daemon.tick()
    assert receiver.received == []


def test_a_message_in_an_earlier_cursor_is_sent_once(make_daemon: MakeDaemon, receiver: Receiver) -> None:
    daemon = make_daemon(TAXI_ALERT_URLS=receiver.url)
    unsent = {"title": "green: the source answers again", "body": "why", "kind": "success"}
    daemon.cursor = json.dumps({"version": 1, "watch_from": "2024-04-01", "unsent": [unsent]})
    daemon.tick()
    daemon.tick()
    assert receiver.titles() == ["green: the source answers again"]
    assert json.loads(str(daemon.cursor)) == {"version": 1, "watch_from": "2024-04-01"}


def test_a_tick_that_took_long_leaves_its_message_to_the_next_one(
    make_daemon: MakeDaemon, cdn: Cdn, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = make_daemon(TAXI_ALERT_URLS=receiver.url)
    (cdn.outage,) = status(401)
    with monkeypatch.context() as slow:
        slow.setattr("taxi_assets.automation.publication.monotonic", lambda: time.monotonic() - 40)
        daemon.tick()
    assert receiver.attempts == 0
    daemon.tick()
    assert len(receiver.received) == 1


def test_a_lake_that_can_not_be_asked_is_a_skip_in_words_and_told_when_it_lasts(
    make_daemon: MakeDaemon, publish: Publish, cdn: Cdn, clock: Clock, receiver: Receiver
) -> None:
    publish("2024-04")
    daemon = make_daemon(TAXI_ALERT_URLS=receiver.url)
    lake = daemon.home / "lake"
    (lake / "raw").mkdir(parents=True)
    (lake / "raw" / "green_trips").touch()  # no directory: root reads whatever modes forbid
    for _ in range(3):
        tick = daemon.tick()
        assert tick.skipped.startswith("The lake could not be asked since 2024-06-")
        assert tick.requests == []
        clock.forward(hours=6)
    assert cdn.requests() == []
    assert [len(tick.warnings) for tick in daemon.ticks] == [1, 0, 0]
    (told,) = receiver.take()
    assert told.title == "green: the lake gives no good answer since 2024-06-10 12:00 UTC"
    (lake / "raw" / "green_trips").unlink()
    assert daemon.tick().months == ["2024-04"]
    assert receiver.titles() == ["green: the lake answers again"]


def test_a_bucket_that_is_not_there_is_a_skip_in_words_too(
    make_daemon: MakeDaemon, publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("2024-04")
    daemon = make_daemon()
    with fake_gcs(tmp_path / "objects") as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.endpoint)
        monkeypatch.setattr(Daemon, "lake", property(lambda _: FileStore(url="gs://nowhere/lake")))
        skipped = daemon.tick().skipped
    assert skipped.startswith("The lake could not be asked since 2024-06-10 12:00 UTC: gs://nowhere/lake: ")
