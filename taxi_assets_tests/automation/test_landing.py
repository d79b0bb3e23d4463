"""The landing sensor over a directory and a bucket: what it takes, waits for, and reports once."""

from pathlib import Path

import pytest
from dagster import DefaultSensorStatus
from google.cloud.storage import Client  # type: ignore[import-untyped]

from taxi_assets.automation import build_sensors
from taxi_assets.automation.landing import MOST_REQUESTS
from taxi_assets.settings import Settings
from taxi_assets_tests.assets.graph import months
from taxi_assets_tests.automation.conftest import Drop, daemon_over
from taxi_assets_tests.automation.daemon import RUN_KEY, Clock, Daemon
from taxi_assets_tests.servers.gcs import fake_gcs

NAME = "green_tripdata_2024-01.parquet"


def test_a_file_is_taken_when_two_ticks_found_it_unchanged(lander: Daemon, drop: Drop) -> None:
    status = drop(NAME).stat()
    assert lander.tick().skipped == f"Waiting until nobody writes to {NAME} any more."
    (request,) = lander.tick().requests
    assert request.run_key == f"landing/{NAME}/{status.st_size}-{status.st_mtime_ns}"
    assert request.job_name == "green_trips"
    assert request.partition_key == "2024-01"
    assert request.run_config == {"ops": {"raw__green_trips": {"config": {"origin": "landing"}}}}
    assert request.tags["dagster/priority"] == "10"
    tick = lander.tick()
    assert tick.requests == []
    assert tick.skipped.endswith("1 of the 1 files there were taken.")


def test_a_file_that_is_written_to_is_left_alone(lander: Daemon, drop: Drop, clock: Clock) -> None:
    for size in range(1, 6):
        drop(NAME, b"x" * size, seconds_ago=0)
        assert lander.tick().requests == []
        clock.forward(minutes=1)
    assert lander.tick().months == ["2024-01"]


def test_a_file_without_a_new_time_is_caught_by_its_size(lander: Daemon, drop: Drop) -> None:
    for size in range(1, 6):
        drop(NAME, b"x" * size)
        assert lander.tick().requests == []
    assert lander.tick().months == ["2024-01"]


def test_a_young_file_is_left_alone_however_often_it_was_seen(
    lander: Daemon, drop: Drop, clock: Clock
) -> None:
    drop(NAME, seconds_ago=1)
    for _ in range(3):
        assert lander.tick().requests == []
        clock.forward(seconds=2)
    clock.forward(seconds=10)
    assert lander.tick().months == ["2024-01"]


def test_a_time_in_the_future_is_another_machines_clock_and_stops_nothing(
    lander: Daemon, drop: Drop, clock: Clock
) -> None:
    drop(NAME, seconds_ago=-7200)
    lander.tick()
    assert lander.tick().months == ["2024-01"]


def test_a_file_that_is_written_over_is_taken_again_and_so_is_an_older_one_that_is_put_back(
    lander: Daemon, drop: Drop
) -> None:
    for content in (b"one", b"three", b"one"):
        drop(NAME, content, seconds_ago=3600 + len(content))
        lander.tick()
        assert len(lander.tick().started) == 1
    first, _, last = (run.tags[RUN_KEY] for run in lander.queue)
    assert last == f"{first}/2024-06-10T12:00"


def test_many_files_are_taken_in_portions(lander: Daemon, drop: Drop) -> None:
    wanted = months("2019-01", "2024-04")
    for month in wanted:
        drop(f"green_tripdata_{month}.csv")
    lander.tick()
    assert [len(lander.tick().started) for _ in range(3)] == [MOST_REQUESTS, len(wanted) - MOST_REQUESTS, 0]
    assert sorted(run.tags["dagster/partition"] for run in lander.queue) == wanted


def test_every_service_has_its_own_job(lander: Daemon, drop: Drop) -> None:
    for service in ("yellow", "green", "fhv", "fhvhv"):
        drop(f"{service}_tripdata_2024-01.parquet")
    lander.tick()
    assert {request.job_name for request in lander.tick().requests} == {
        "yellow_trips",
        "green_trips",
        "fhv_trips",
        "fhvhv_trips",
    }


def test_a_directory_that_is_not_there_is_one_warning_and_a_quiet_skip(
    lander: Daemon, landing: Path, drop: Drop
) -> None:
    landing.rmdir()
    ticks = [lander.tick() for _ in range(3)]
    for tick in ticks:
        assert f"{landing}: expected a directory" in tick.skipped
        assert "TAXI_LANDING_URL" in tick.skipped
        assert "TAXI_SOURCE_URL" not in tick.skipped
    assert [len(tick.warnings) for tick in ticks] == [1, 0, 0]
    landing.mkdir()
    drop(NAME)
    assert lander.tick().infos == [f"{landing} can be read again"]
    assert lander.tick().months == ["2024-01"]


def test_a_tick_that_dies_before_its_cursor_is_kept_asks_for_nothing_twice(
    lander: Daemon, drop: Drop
) -> None:
    for month in months("2023-01", "2023-06"):
        drop(f"green_tripdata_{month}.parquet")
    lander.tick()
    assert len(lander.tick(dies_after=4).started) == 4
    again = lander.tick()
    assert (len(again.requests), len(again.started)) == (6, 2)


def test_a_cursor_that_is_not_understood_asks_for_nothing_twice(lander: Daemon, drop: Drop) -> None:
    drop(NAME)
    lander.tick()
    lander.tick()
    lander.cursor = "garbage"
    assert [lander.tick().started, lander.tick().started, lander.tick().requests] == [[], [], []]


def test_objects_of_a_bucket_are_whole_when_they_appear(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_gcs(tmp_path / "objects") as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.endpoint)
        bucket = Client().bucket(server.create_bucket("drop"))
        daemon = daemon_over("gs://drop/in", clock, tmp_path)
        assert daemon.tick().requests == []
        for name in (NAME, "notes.txt", "old/green_tripdata_2024-02.parquet"):
            bucket.blob(f"in/{name}").upload_from_string(b"x")
        bucket.blob(f"outside/{NAME}").upload_from_string(b"x")
        first = daemon.tick()
        generation = bucket.get_blob(f"in/{NAME}").generation
        assert [request.run_key for request in first.requests] == [f"landing/{NAME}/{generation}"]
        assert len(first.warnings) == 1
        assert daemon.tick().requests == []
        bucket.blob(f"in/{NAME}").upload_from_string(b"y")
        assert len(daemon.tick().started) == 1
        gone = daemon_over("gs://nowhere/in", clock, tmp_path).tick()
    assert "gs://nowhere: expected a bucket, found none" in gone.skipped
    assert "TAXI_LANDING_URL" in gone.skipped


def test_there_is_a_landing_sensor_only_where_there_is_a_landing_place() -> None:
    sensors = {sensor.name: sensor for sensor in build_sensors(Settings.from_environment({}))}
    assert "landing" not in sensors
    settings = Settings.from_environment({"TAXI_LANDING_URL": "/data/drop"})
    (sensor,) = (sensor for sensor in build_sensors(settings) if sensor.name == "landing")
    assert sensor.default_status == DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 60
