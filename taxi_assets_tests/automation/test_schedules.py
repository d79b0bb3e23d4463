"""The schedules: which month they ask for on which day, and what they say when there is none to ask for."""

from datetime import date, datetime
from pathlib import Path

import pytest
from dagster import DefaultScheduleStatus, ScheduleDefinition, build_schedule_context
from dagster._core.definitions.schedule_definition import ScheduleExecutionData

from taxi_assets.assets.published_source import PublishedSource
from taxi_assets.automation.schedules import monthly_cron, service_schedules
from taxi_assets.tlc.services import SERVICES
from taxi_assets_tests.assets.graph import Graph, months, statuses
from taxi_assets_tests.assets.graph import publish as publish_files
from taxi_assets_tests.automation.conftest import Publish
from taxi_assets_tests.automation.daemon import GREEN, Daemon, repository
from taxi_assets_tests.servers.cdn import Cdn
from taxi_assets_tests.servers.faults import status

MONTHLY, DAILY = service_schedules(GREEN)


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


@pytest.mark.parametrize("year", [2023, 2024, 2025])
def test_the_monthly_day_comes_after_every_months_usual_publication_and_asks_for_each_once(year: int) -> None:
    day = int(monthly_cron(GREEN).split()[2])
    found = [GREEN.newest_expected(date(year, month, day)) for month in range(1, 13)]
    assert found == [date(year - (month < 4), (month - 4) % 12 + 1, 1) for month in range(1, 13)]
    assert all(GREEN.expected_by(one) <= date(year, month, day) for month, one in enumerate(found, start=1))


@pytest.mark.parametrize("schedule", [MONTHLY, DAILY], ids=lambda schedule: schedule.name)
def test_the_newest_month_that_should_be_out_is_asked_for_though_newer_partitions_are_there(
    daemon: Daemon, publish: Publish, schedule: ScheduleDefinition
) -> None:
    publish(*months("2023-01", "2024-04"))
    data = tick(daemon, schedule, "2024-06-17")
    assert asked(data) == ["2024-03"]
    assert [request.run_key for request in data.run_requests or []] == ["2024-03"]
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
