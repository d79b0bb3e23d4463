"""The publication sensor and the months that people put there: whose file stays, and until when."""

import json
from collections.abc import Callable, Set
from pathlib import Path

import pytest
from dagster import AssetKey, AssetMaterialization, DagsterInstance

from taxi_assets.automation.records import landed_by_record
from taxi_assets.tlc.services import Service
from taxi_assets_tests.assets.graph import months
from taxi_assets_tests.automation.conftest import Publish
from taxi_assets_tests.automation.daemon import Daemon
from taxi_assets_tests.tlc.source.conftest import parquet


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


def test_a_month_that_is_published_only_after_a_person_put_it_there_is_taken_from_the_source(
    landed: Daemon, publish: Publish
) -> None:
    publish("2024-04")
    assert "2024-03" not in landed.tick().months
    etag = publish("2024-03")
    assert landed.tick().months == ["2024-03"]
    while landed.queue:
        landed.run()
    assert landed.held()["2024-03"]["etag"] == etag
    assert landed.tick().months == []


def test_a_persons_file_is_looked_at_in_the_next_tick_however_many_months_are_held(
    make_daemon: Callable[..., Daemon], publish: Publish, tmp_path: Path
) -> None:
    publish(*months("2022-01", "2024-04"))
    daemon = make_daemon()
    for month in months("2022-01", "2024-04"):
        daemon.fetch(month)
    daemon.tick()
    file = tmp_path / "green_tripdata_2024-02.parquet"
    file.write_bytes(b"mine")
    daemon.put("2024-02", file, origin="landing", etag="4-1")
    daemon.tick()
    publish("2024-02", seed=2)
    asked = [month for _ in range(4) for month in daemon.tick().months]
    assert asked == ["2024-02"]


def _lose(daemon: Daemon, month: str, origin: str) -> None:
    """The lake has lost a raw file that Dagster has on record; its directory is there."""
    (daemon.home / "lake").mkdir(parents=True, exist_ok=True)
    key = AssetKey(["raw", f"{daemon.service.name}_trips"])
    record = AssetMaterialization(key, partition=month, metadata={"origin": origin})
    daemon.instance.report_runless_asset_event(record)


def test_a_persons_file_that_the_lake_has_lost_is_left_to_heal_which_has_it_from_the_person(
    make_daemon: Callable[..., Daemon], publish: Publish
) -> None:
    daemon = make_daemon(TAXI_WATCH_FROM="2024-02")
    publish("2024-02", "2024-03")
    _lose(daemon, "2024-03", "source")
    _lose(daemon, "2024-03", "landing")
    _lose(daemon, "2024-02", "landing")
    tick = daemon.tick()
    assert tick.requests == []
    assert "A person put green 2024-02 to 2024-03 there and the lake lost it: left to heal." in tick.skipped
    _lose(daemon, "2024-03", "source")
    assert daemon.tick().months == ["2024-03"]


def test_records_are_asked_only_where_a_month_is_published_and_not_held_and_once_a_tick(
    make_daemon: Callable[..., Daemon], publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def counted(instance: DagsterInstance, service: Service) -> Set[str]:
        asked.append(service.name)
        return landed_by_record(instance, service)

    monkeypatch.setattr("taxi_assets.automation.publication.landed_by_record", counted)
    daemon = make_daemon(TAXI_WATCH_FROM="2024-02")
    daemon.tick()
    assert asked == []
    publish("2024-02", "2024-03", "2024-04")
    assert len(daemon.tick().requests) == 3
    assert asked == ["green"]
