"""The schedules: which month they ask for on which day, and what they say when there is none to ask for."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from dagster import (
    AssetKey,
    AssetMaterialization,
    DagsterInstance,
    DefaultScheduleStatus,
    ScheduleDefinition,
    build_schedule_context,
)
from dagster._core.definitions.schedule_definition import ScheduleExecutionData

from taxi_assets.assets.published_source import PublishedSource
from taxi_assets.automation.looking import partition_keys
from taxi_assets.automation.priority import NEWEST
from taxi_assets.automation.publication import publication_sensor
from taxi_assets.automation.schedules import monthly_cron, service_schedules
from taxi_assets.tlc.services import SERVICES, Service, month_key
from taxi_assets_tests.assets.graph import Graph, months, statuses
from taxi_assets_tests.assets.graph import publish as publish_files
from taxi_assets_tests.automation.conftest import Publish
from taxi_assets_tests.automation.daemon import GREEN, Clock, Daemon, repository
from taxi_assets_tests.servers.cdn import Cdn
from taxi_assets_tests.servers.faults import status

MONTHLY, DAILY = service_schedules(GREEN)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    """Where schedules find what was recorded: they open theirs by its reference."""
    (tmp_path / "dagster").mkdir()
    with DagsterInstance.local_temp(str(tmp_path / "dagster")) as made:
        yield made


@pytest.fixture
def graph(tmp_path: Path, postgres_url: str, instance: DagsterInstance) -> Graph:
    return Graph(tmp_path / "home", postgres_url, instance=instance)


@pytest.fixture
def daemon(daemon: Daemon, instance: DagsterInstance) -> Daemon:
    daemon.instance = instance
    return daemon


def tick(daemon: Daemon, schedule: ScheduleDefinition, when: str) -> ScheduleExecutionData:
    """Evaluate a schedule for a day."""
    with build_schedule_context(
        instance=daemon.instance,
        scheduled_execution_time=datetime.fromisoformat(f"{when}T06:00:00+00:00"),
        resources={"source": PublishedSource(url=daemon.source_url), "raw_files": daemon.lake},
        repository_def=repository(),
    ) as context:
        return schedule.evaluate_tick(context)


def asked(data: ScheduleExecutionData) -> list[str]:
    return [str(request.partition_key) for request in data.run_requests or []]


def test_both_wait_for_somebody_to_switch_them_on_as_the_sensors_do_the_work() -> None:
    schedules = [schedule for service in SERVICES.values() for schedule in service_schedules(service)]
    assert len({schedule.name for schedule in schedules}) == 8
    for schedule in schedules:
        assert schedule.default_status == DefaultScheduleStatus.STOPPED
        assert schedule.execution_timezone == "UTC"
    assert (MONTHLY.name, MONTHLY.cron_schedule) == ("green_monthly", "0 6 17 * *")
    assert (DAILY.name, DAILY.cron_schedule) == ("green_daily_0500", "0 5 * * *")


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda service: service.name)
@pytest.mark.parametrize("year", [2023, 2024, 2025])
def test_the_monthly_day_comes_after_every_months_usual_publication_and_asks_for_each_once(
    year: int, service: Service
) -> None:
    day = int(monthly_cron(service).split()[2])
    days = [date(year, month, day) for month in range(1, 13)]
    found = [service.newest_expected(when) for when in days]
    assert found == [date(year - (month < 4), (month - 4) % 12 + 1, 1) for month in range(1, 13)]
    assert all(service.expected_by(one) <= when for one, when in zip(found, days, strict=True))
    for one, when in zip(found, days, strict=True):
        assert month_key(one) in partition_keys(service, datetime.combine(when, time(6), UTC))[-NEWEST:]


@pytest.mark.parametrize("schedule", [MONTHLY, DAILY], ids=lambda schedule: schedule.name)
def test_the_newest_month_that_should_be_out_is_asked_for_though_newer_partitions_are_there(
    daemon: Daemon, publish: Publish, schedule: ScheduleDefinition
) -> None:
    publish(*months("2023-01", "2024-04"))
    data = tick(daemon, schedule, "2024-06-17")
    assert asked(data) == ["2024-03"]
    (request,) = data.run_requests or []
    assert request.run_key == "2024-03"
    assert request.tags["dagster/priority"] == "10"
    assert asked(tick(daemon, schedule, "2024-06-14")) == ["2024-02"]


def test_a_month_that_is_late_is_a_skip_in_words_and_no_red_run(daemon: Daemon, publish: Publish) -> None:
    data = tick(daemon, DAILY, "2024-06-17")
    assert not data.run_requests
    assert data.skip_message == "green 2024-03 is late: not published, though expected by 2024-06-15."
    publish("2024-03")
    assert asked(tick(daemon, DAILY, "2024-06-18")) == ["2024-03"]


def test_a_month_that_came_too_late_for_its_own_day_is_asked_for_with_the_next_one(
    daemon: Daemon, publish: Publish
) -> None:
    publish("2024-01")
    daemon.fetch("2024-01")
    assert asked(tick(daemon, MONTHLY, "2024-05-17")) == []
    publish("2024-02", "2024-03")
    assert asked(tick(daemon, MONTHLY, "2024-06-17")) == ["2024-02", "2024-03"]


def test_an_outage_is_left_to_the_run_which_has_more_patience(daemon: Daemon, cdn: Cdn) -> None:
    (cdn.outage,) = status(503)
    assert asked(tick(daemon, MONTHLY, "2024-06-17")) == ["2024-03"]


def test_a_month_that_a_person_put_there_is_left_as_it_is(
    daemon: Daemon, publish: Publish, tmp_path: Path
) -> None:
    publish("2024-03")
    file = tmp_path / "green_tripdata_2024-03.parquet"
    file.write_bytes(b"mine")
    daemon.put("2024-03", file, origin="landing", etag="4-1")
    assert "A person put green 2024-03 there" in str(tick(daemon, MONTHLY, "2024-06-17").skip_message)


def test_the_run_of_a_month_that_is_current_costs_a_look(
    graph: Graph, daemon: Daemon, cdn: Cdn, tmp_path: Path
) -> None:
    content = publish_files(tmp_path / "published", "green", "2024-03") / "green_tripdata_2024-03.parquet"
    cdn.publish("trip-data/green_tripdata_2024-03.parquet", content.read_bytes())
    graph.source_url = cdn.trip_data
    found = []
    for _ in range(2):
        (month,) = asked(tick(daemon, DAILY, "2024-06-17"))
        result = graph.run("green", month)
        assert result.success
        found.append([statuses(result, stage)[month] for stage in ("raw", "postgres", "lake", "warehouse")])
    assert found == [["stored"] * 4, ["unchanged", *["already current"] * 3]]
    assert len(cdn.downloads()) == 2
    assert [request.status for request in cdn.downloads()] == [200, 304]


def test_a_month_that_waits_for_a_persons_word_is_not_asked_for_again_until_its_file_changes(
    graph: Graph, clock: Clock, cdn: Cdn, tmp_path: Path
) -> None:
    before, odd = months("2023-12", "2024-02"), "2024-03"
    folder = publish_files(tmp_path / "published", "green", *before, rows=1200)
    publish_files(folder, "green", odd, rows=200)
    for path in folder.iterdir():
        cdn.publish(f"trip-data/{path.name}", path.read_bytes())
    graph.source_url = cdn.trip_data
    over = Daemon(
        lambda: publication_sensor(GREEN, graph.settings, clock=clock),
        cdn.trip_data,
        graph.home,
        instance=graph.instance,
    )
    assert graph.run("green", before[0], before[-1]).success
    assert asked(tick(over, DAILY, "2024-06-17")) == [odd]
    assert not graph.run("green", odd).success
    skipped = str(tick(over, DAILY, "2024-06-18").skip_message)
    assert skipped.startswith("green 2024-03 waits until a person lets it through: 200 rows, 6.0 times fewer")
    mended = publish_files(folder, "green", odd, rows=1200) / f"green_tripdata_{odd}.parquet"
    cdn.publish(f"trip-data/{mended.name}", mended.read_bytes())
    assert asked(tick(over, DAILY, "2024-06-19")) == [odd]
    assert graph.run("green", odd).success
    assert asked(tick(over, DAILY, "2024-06-20")) == [odd]


def test_a_month_that_was_cleaned_anew_or_let_through_since_is_asked_for_as_any_other(
    graph: Graph, clock: Clock, tmp_path: Path
) -> None:
    before, odd = months("2023-12", "2024-02"), "2024-03"
    folder = publish_files(tmp_path / "published", "green", *before, rows=1200)
    publish_files(folder, "green", odd, rows=200)
    graph.source_url = str(folder)
    over = Daemon(
        lambda: publication_sensor(GREEN, graph.settings, clock=clock),
        str(folder),
        graph.home,
        instance=graph.instance,
    )
    assert graph.run("green", before[0], before[-1]).success
    assert not graph.run("green", odd).success
    assert "waits until a person" in str(tick(over, DAILY, "2024-06-18").skip_message)
    cleaned = AssetMaterialization(AssetKey(["cleaned", "green_trips"]), partition=odd)
    graph.instance.report_runless_asset_event(cleaned)  # cleaned anew since, with nobody's verdict yet
    assert asked(tick(over, DAILY, "2024-06-18")) == [odd]
    accepted = {"resources": {"gate": {"config": {"accept": [odd]}}}}
    assert graph.run("green", odd, config=accepted).success
    assert asked(tick(over, DAILY, "2024-06-19")) == [odd]


def test_a_persons_file_that_the_lake_has_lost_is_left_to_heal(daemon: Daemon, publish: Publish) -> None:
    publish("2024-03")
    lost = AssetMaterialization(
        AssetKey(["raw", "green_trips"]), partition="2024-03", metadata={"origin": "landing"}
    )
    daemon.instance.report_runless_asset_event(lost)
    assert "left to heal" in str(tick(daemon, DAILY, "2024-06-17").skip_message)
