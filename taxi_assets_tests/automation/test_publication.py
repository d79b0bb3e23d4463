"""The publication sensor against a CDN: what it asks for, what it leaves alone, what it says."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from dagster import DefaultSensorStatus

from taxi_assets.automation.publication import publication_sensor
from taxi_assets.automation.watch import MOST_NEW, MOST_OLD
from taxi_assets.settings import Settings
from taxi_assets_tests.assets.graph import months
from taxi_assets_tests.automation.conftest import Publish, path_of
from taxi_assets_tests.automation.daemon import GREEN, RUN_KEY, Clock, Daemon
from taxi_assets_tests.servers.cdn import Cdn
from taxi_assets_tests.servers.faults import Fault, html, status
from taxi_assets_tests.tlc.source.conftest import parquet

MakeDaemon = Callable[..., Daemon]
(DOWN,) = status(503)
TROUBLE = "No good answer since 2024-06-10 12:00 UTC: "


def test_the_newest_published_month_is_asked_for_first_and_older_ones_are_left_to_people(
    daemon: Daemon, publish: Publish
) -> None:
    publish(*months("2023-06", "2024-02"))
    first = daemon.tick()
    assert first.months == ["2024-02"]
    assert first.infos == ["green is watched from 2024-02 on; older months are for a backfill"]
    daemon.run()
    assert daemon.tick().months == []
    publish("2024-03")
    assert daemon.tick().months == ["2024-03"]


def test_months_that_are_held_already_do_not_move_where_watching_begins(
    daemon: Daemon, publish: Publish
) -> None:
    publish(*months("2023-01", "2024-02"))
    daemon.fetch("2023-01")
    assert daemon.tick().months == ["2024-02"]


def test_a_set_month_says_where_watching_begins(make_daemon: MakeDaemon, publish: Publish) -> None:
    publish(*months("2023-06", "2024-02"))
    daemon = make_daemon(TAXI_WATCH_FROM="2023-11")
    assert sorted(daemon.tick().months) == months("2023-11", "2024-02")


def test_a_request_names_month_and_version_and_goes_before_a_backfill(
    make_daemon: MakeDaemon, publish: Publish
) -> None:
    publish("2023-06")
    etag = publish("2024-02").strip('"')
    newest, old = make_daemon(TAXI_WATCH_FROM="2023-06").tick().requests
    assert newest.run_key == f"green/2024-02/{etag}"
    assert newest.tags["dagster/priority"] == "10"
    assert newest.tags["dagster/partition"] == "2024-02"
    assert "dagster/priority" not in old.tags


def test_a_month_is_asked_for_once_while_its_run_is_to_come(daemon: Daemon, publish: Publish) -> None:
    publish("2024-03")
    assert daemon.tick().months == ["2024-03"]
    again = daemon.tick()
    assert again.months == []
    assert "Asked for already: 2024-03." in again.skipped


def test_an_unpublished_month_is_awaited_in_words(daemon: Daemon, publish: Publish) -> None:
    publish("2024-03")
    daemon.tick()
    daemon.run()
    assert daemon.tick().skipped == "green 2024-04 is awaited, usually published by 2024-07-15."


def test_a_month_that_should_be_out_is_called_late(daemon: Daemon, publish: Publish, clock: Clock) -> None:
    publish("2024-03")
    daemon.tick()
    daemon.run()
    clock.forward(days=50)
    assert daemon.tick().skipped == "green 2024-04 is awaited, usually published by 2024-07-15. It is late."


def test_nothing_published_says_how_to_begin(daemon: Daemon) -> None:
    tick = daemon.tick()
    assert tick.skipped.startswith("None of the newest 12 months is published: set TAXI_WATCH_FROM.")
    assert tick.warnings == []


def test_a_month_published_anew_is_asked_for_ahead_of_backfills(
    make_daemon: MakeDaemon, publish: Publish
) -> None:
    publish(*months("2023-10", "2024-04"))
    daemon = make_daemon(TAXI_WATCH_FROM="2023-10")
    daemon.tick()
    for _ in range(7):
        daemon.run()
    assert daemon.tick().requests == []
    etag = publish("2023-11", seed=2).strip('"')
    (request,) = daemon.tick().requests
    assert request.run_key == f"green/2023-11/{etag}"
    assert request.tags["dagster/priority"] == "5"


def test_what_is_held_and_current_costs_a_304_and_no_body(daemon: Daemon, publish: Publish, cdn: Cdn) -> None:
    publish("2024-04")
    daemon.fetch("2024-04")
    cdn.forget_requests()
    daemon.tick()
    assert [(request.method, request.status) for request in cdn.requests()] == [("HEAD", 304)] * 2


def test_a_version_that_changes_while_the_run_for_the_earlier_one_goes_on_is_asked_for_too(
    daemon: Daemon, publish: Publish
) -> None:
    old = publish("2024-04").strip('"')
    daemon.tick()
    new = publish("2024-04", seed=2).strip('"')
    daemon.tick()
    assert [run.tags[RUN_KEY] for run in daemon.queue] == [f"green/2024-04/{old}", f"green/2024-04/{new}"]


def test_a_version_that_is_published_replaced_and_published_again_is_fetched_again(
    daemon: Daemon, publish: Publish
) -> None:
    for seed in (1, 2, 1):
        etag = publish("2024-04", seed=seed)
        assert len(daemon.tick().started) == 1
        daemon.run()
        assert daemon.held()["2024-04"]["etag"] == etag


def test_a_month_that_the_lake_has_lost_is_fetched_again(daemon: Daemon, publish: Publish) -> None:
    publish("2024-04")
    daemon.tick()
    daemon.run()
    daemon.tick()
    for path in (daemon.home / "lake" / "raw").rglob("*.parquet"):
        path.unlink()
    assert len(daemon.tick().started) == 1


def test_a_run_that_failed_is_asked_for_again_a_day_later(
    daemon: Daemon, publish: Publish, clock: Clock
) -> None:
    etag = publish("2024-04").strip('"')
    daemon.tick()
    daemon.run(dies=True)
    clock.forward(hours=23)
    assert daemon.tick().requests == []
    clock.forward(hours=2)
    (request,) = daemon.tick().requests
    assert request.run_key == f"green/2024-04/{etag}/2024-06-11"
    assert daemon.tick().requests == []
    daemon.run()
    assert daemon.held()["2024-04"]["etag"].strip('"') == etag


def test_a_run_that_still_waits_in_the_queue_is_not_asked_for_again(
    daemon: Daemon, publish: Publish, clock: Clock
) -> None:
    publish("2024-04")
    daemon.tick()
    clock.forward(days=3)
    assert "Asked for already" in daemon.tick().skipped


def test_a_source_that_fails_between_look_and_download_costs_a_day_and_no_month(
    daemon: Daemon, publish: Publish, clock: Clock, cdn: Cdn
) -> None:
    publish("2024-04")
    daemon.tick()
    cdn.outage = DOWN
    daemon.run()
    assert daemon.held() == {}
    cdn.outage = None
    clock.forward(days=1)
    daemon.tick()
    daemon.run()
    assert list(daemon.held()) == ["2024-04"]


def test_a_tick_that_dies_before_its_cursor_is_kept_asks_for_nothing_twice(
    make_daemon: MakeDaemon, publish: Publish
) -> None:
    publish(*months("2024-01", "2024-04"))
    daemon = make_daemon(TAXI_WATCH_FROM="2024-01")
    daemon.tick(dies_after=3)
    again = daemon.tick()
    assert len(again.requests) == 4
    assert len(again.started) == 1
    assert len({run.tags[RUN_KEY] for run in daemon.queue}) == 4


@pytest.mark.parametrize(
    "garbage", ["", "{", "[]", "null", '{"version": 2}', '{"version": 1, "new": 1}', "2024-01"]
)
def test_a_cursor_that_is_not_understood_is_begun_anew_and_asks_for_nothing_twice(
    daemon: Daemon, publish: Publish, garbage: str
) -> None:
    publish("2024-03", "2024-04")
    daemon.fetch("2024-03")
    daemon.tick()
    daemon.cursor = garbage
    assert daemon.tick().started == []
    assert json.loads(str(daemon.cursor))["version"] == 1
    daemon.run()
    assert daemon.tick().requests == []


def test_the_cursor_is_small_whatever_is_held(make_daemon: MakeDaemon, publish: Publish) -> None:
    publish(*months("2022-01", "2024-04"))
    daemon = make_daemon(TAXI_WATCH_FROM="2022-01")
    while daemon.tick().requests:
        while daemon.queue:
            daemon.run()
    assert len(daemon.held()) == 28
    assert len(str(daemon.cursor)) < 100


def test_requests_of_a_tick_are_bounded_and_every_month_has_its_turn(
    make_daemon: MakeDaemon, publish: Publish, cdn: Cdn
) -> None:
    wanted = months("2021-01", "2024-02")
    publish(*wanted)
    daemon = make_daemon(TAXI_WATCH_FROM="2020-01")
    for _ in range(6):
        cdn.forget_requests()
        daemon.tick()
        assert len(cdn.requests()) <= MOST_NEW
    asked = [run.tags["dagster/partition"] for run in daemon.queue]
    assert asked[0] == "2024-02"
    assert sorted(asked) == wanted
    while daemon.queue:
        daemon.run()
    publish(*wanted, seed=2)
    for _ in range(5):
        cdn.forget_requests()
        daemon.tick()
        assert len(cdn.requests()) <= MOST_NEW + MOST_OLD
    assert sorted(run.tags["dagster/partition"] for run in daemon.queue) == wanted


def test_a_slow_source_shares_its_months_over_many_ticks(
    make_daemon: MakeDaemon, publish: Publish, cdn: Cdn, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = months("2023-01", "2024-04")
    publish(*wanted)
    daemon = make_daemon(TAXI_WATCH_FROM="2023-01")
    seconds = itertools.count(step=4)
    monkeypatch.setattr("taxi_assets.automation.watch.monotonic", lambda: float(next(seconds)))
    for _ in range(7):
        cdn.forget_requests()
        daemon.tick()
        assert len(cdn.requests()) == 5
    assert sorted(run.tags["dagster/partition"] for run in daemon.queue) == wanted


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


@pytest.fixture
def landed(daemon: Daemon, tmp_path: Path) -> Daemon:
    """A daemon over a lake in which somebody's own file is the raw one of 2024-03."""
    file = tmp_path / "green_tripdata_2024-03.parquet"
    file.write_bytes(parquet(seed=77, rows=20))
    daemon.put("2024-03", file, origin="landing", etag="10-20", bytes="20")
    return daemon


def test_a_month_that_a_person_put_there_is_left_alone_until_the_source_changes(
    landed: Daemon, publish: Publish
) -> None:
    publish("2024-03", "2024-04")
    landed.tick()
    assert [landed.tick().months for _ in range(3)] == [[]] * 3
    publish("2024-03", seed=2)
    assert landed.tick().months == ["2024-03"]
    assert landed.tick().months == []
    while landed.queue:
        landed.run()
    assert landed.held()["2024-03"]["origin"] == "source"
    assert "noted" not in json.loads(str(landed.cursor)) or landed.tick().months == []


def test_another_file_of_a_person_is_noted_anew(landed: Daemon, publish: Publish, tmp_path: Path) -> None:
    publish("2024-03", "2024-04")
    landed.tick()
    publish("2024-03", seed=2)
    landed.put("2024-03", tmp_path / "green_tripdata_2024-03.parquet", origin="landing", etag="11-21")
    assert landed.tick().months == []
    publish("2024-03", seed=3)
    assert landed.tick().months == ["2024-03"]


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("https://d37ci6vzurychx.cloudfront.net/trip-data", DefaultSensorStatus.RUNNING),
        ("http://mirror/trip-data", DefaultSensorStatus.RUNNING),
        ("gs://bucket/trip-data", DefaultSensorStatus.STOPPED),
        ("/data/tlc", DefaultSensorStatus.STOPPED),
        ("synthetic", DefaultSensorStatus.STOPPED),
    ],
)
def test_a_sensor_runs_by_itself_where_months_are_published(url: str, status: DefaultSensorStatus) -> None:
    sensor = publication_sensor(GREEN, Settings.from_environment({"TAXI_SOURCE_URL": url}))
    assert sensor.default_status == status
    assert sensor.minimum_interval_seconds == 1800
    assert sensor.name == "green_publication"


def test_the_interval_follows_the_setting() -> None:
    settings = Settings.from_environment({"TAXI_POLL_SECONDS": "60"})
    assert publication_sensor(GREEN, settings).minimum_interval_seconds == 60
