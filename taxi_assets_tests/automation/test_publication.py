"""The publication sensor against a CDN: what it asks for, what it leaves alone, what it says."""

from collections.abc import Callable

import pytest
from dagster import DefaultSensorStatus

from taxi_assets.automation.publication import publication_sensor
from taxi_assets.settings import Settings
from taxi_assets.tlc.services import SERVICES
from taxi_assets_tests.assets.graph import months
from taxi_assets_tests.automation.conftest import Publish
from taxi_assets_tests.automation.daemon import GREEN, RUN_KEY, Clock, Daemon
from taxi_assets_tests.servers.cdn import Cdn
from taxi_assets_tests.servers.faults import status

MakeDaemon = Callable[..., Daemon]
(DOWN,) = status(503)


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


def test_a_service_whose_months_come_a_month_later_has_its_own_newest_ones(
    make_daemon: MakeDaemon, publish: Publish
) -> None:
    fhv = SERVICES["fhv"]
    publish(*months("2023-06", "2024-02"), service=fhv)
    daemon = make_daemon(fhv)
    (request,) = daemon.tick().requests
    assert (request.partition_key, request.tags["dagster/priority"]) == ("2024-02", "10")
    daemon.run()
    assert daemon.tick().skipped == "fhv 2024-03 is awaited, usually published by 2024-06-15."


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


def test_made_up_months_are_not_replaced_by_published_ones_until_somebody_asks(
    daemon: Daemon, publish: Publish
) -> None:
    publish("2023-01", "2023-02", "2024-03")
    published, daemon.source_url = daemon.source_url, "synthetic?rows=100&seed=1"
    daemon.fetch("2023-01")
    daemon.fetch("2023-02")
    daemon.source_url = published
    assert daemon.tick().months == ["2024-03"], "the demo's months stay, and the newest one is fetched"
    daemon.run()
    told = "green 2023-01 to 2023-02: made up, and left so until you materialize the published ones."
    assert told in daemon.tick().skipped
    daemon.fetch("2023-01")
    publish("2023-01", seed=2)
    assert daemon.tick().months == ["2023-01"], "from then on it is the publisher's"


def test_made_up_months_follow_their_settings(daemon: Daemon) -> None:
    daemon.source_url = "synthetic?rows=100&seed=1"
    daemon.fetch("2023-01")
    daemon.source_url = "synthetic?rows=100&seed=2"
    assert "2023-01" in daemon.tick().months


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
