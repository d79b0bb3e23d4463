"""One installation that nobody looks after: months appear, change, are spoilt, are lost, and it copes.

The stations of one service's life, in order, over the same running processes: each takes the stores as
the one before it left them. Most of the time is waiting, up to a minute a station, so six of them are left
to the slow tier; none of the others builds upon those.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dagster import DagsterRunStatus

from taxi_assets.recovery.compared import newest_comparison
from taxi_assets_tests.alerts.receiver import Message, Receiver, serve_receiver
from taxi_assets_tests.assets.graph import TARGETS, Graph, publish, trips
from taxi_assets_tests.audit.entries import entries
from taxi_assets_tests.daemon.published import PublishedMonths
from taxi_assets_tests.servers.dagster_dev import DagsterDev
from taxi_assets_tests.servers.faults import cut, unavailable

FIRST, MONTH, NEXT, STUMBLING = "2024-03", "2024-04", "2024-05", "2024-06"
_DRY_RUN = """mutation ($selector: ScheduleSelector!, $timestamp: Float) {
  scheduleDryRun(selectorData: $selector, timestamp: $timestamp) {
    ... on DryRunInstigationTick { evaluationResult {
      runRequests { tags { key value } } skipReason error { message } } } } }"""
WITHIN = 120  # seconds for anything to happen; some 15 when the machine is idle


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """Who is told."""
    with serve_receiver() as serving:
        yield serving


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where people put files."""
    return tmp_path_factory.mktemp("landing")


@pytest.fixture(scope="module")
def settings(tlc: PublishedMonths, receiver: Receiver, landing: Path) -> dict[str, str]:
    """Everything that runs by itself is on, and looks every second."""
    return {
        "TAXI_SOURCE_URL": tlc.cdn.trip_data,
        "TAXI_WATCH_FROM": MONTH,
        "TAXI_LANDING_URL": str(landing),
        "TAXI_ALERT_URLS": receiver.url,
        "TAXI_UI_URL": "http://dagster.example",
    }


def green_counts(stores: Graph, month: str) -> dict[str, int | None]:
    """Rows of a month in each target that can be asked while runs are at work."""
    return {
        "postgres": stores.postgres_counts("green").get(month),
        "lake": stores.lake_counts("green").get(month),
    }


def told_of(receiver: Receiver, month: str) -> list[Message]:
    """What people were told of a month since somebody took the messages away."""
    return [message for message in receiver.received if month in message.title]


def settled(system: DagsterDev) -> bool:
    """Whether no run is queued or at work."""
    waiting = (DagsterRunStatus.QUEUED, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED)
    return not system.runs(*waiting)


def wait_for_rows(system: DagsterDev, stores: Graph, month: str, published: int) -> None:
    """Wait until every target holds the month as published, less its rejected rows, and nothing runs."""

    def there() -> bool:
        found = green_counts(stores, month)
        return all(rows and 0.9 * published < rows <= published for rows in found.values())

    system.wait(there, WITHIN)
    system.wait(lambda: settled(system), WITHIN)
    cleaned = stores.lake_rows("cleaned", "green", month)
    assert stores.targets("green", month) == dict.fromkeys(TARGETS, cleaned)


def test_a_month_that_is_published_is_loaded_into_every_target(
    system: DagsterDev, stores: Graph, tlc: PublishedMonths
) -> None:
    tlc.publish("green", MONTH, rows=2000)
    wait_for_rows(system, stores, MONTH, 2000)
    # Its marts may have been made by now, in a run of their own.
    (run,) = [run for run in system.runs(**{"dagster/partition": MONTH}) if run.job_name == "green_trips"]
    assert run.tags["dagster/sensor_name"] == "green_publication"
    assert run.tags["dagster/run_key"].startswith(f"green/{MONTH}/")
    trail = entries(stores.postgres_url, "postgres")
    assert [row["launched_by"] for row in trail] == ["sensor green_publication"]


def test_a_month_that_is_published_anew_replaces_the_old_one_and_people_are_told_the_counts(
    system: DagsterDev, stores: Graph, tlc: PublishedMonths, receiver: Receiver
) -> None:
    receiver.take()
    tlc.publish("green", MONTH, rows=3000, seed=2)
    wait_for_rows(system, stores, MONTH, 3000)
    system.wait(lambda: receiver.titles(), WITHIN)
    assert receiver.titles() == [f"green {MONTH} was re-published: 2,000 -> 3,000 rows"]
    trail = entries(stores.postgres_url, "postgres")
    assert len(trail) == 2
    assert trail[1]["rows_replaced"] == trail[0]["rows_standing"]
    assert trail[1]["etag"] != trail[0]["etag"]


def test_a_spoilt_file_is_told_once_and_its_recovery_once_and_the_old_month_stands(
    system: DagsterDev, stores: Graph, tlc: PublishedMonths, receiver: Receiver
) -> None:
    receiver.take()
    before = stores.postgres_counts("green")
    good = (tlc.folder / f"green_tripdata_{MONTH}.parquet").read_bytes()
    tlc.publish_bytes("green", MONTH, good[: len(good) // 2])
    system.wait(lambda: receiver.titles(), WITHIN)
    (alert,) = receiver.take()
    assert alert.title == f"green {MONTH}: raw failed"
    assert "without a footer" in alert.body
    assert "http://dagster.example/runs/" in alert.body
    assert "Hx7" not in alert.body
    assert stores.postgres_counts("green") == before

    tlc.publish("green", MONTH, rows=2500, seed=3)
    wait_for_rows(system, stores, MONTH, 2500)
    system.wait(lambda: len(receiver.titles()) == 2, WITHIN)
    assert receiver.titles() == [
        f"green {MONTH}: all is well again",
        f"green {MONTH} was re-published: 3,000 -> 2,500 rows",
    ]


@pytest.mark.slow
def test_a_file_that_a_person_puts_into_the_landing_place_becomes_the_month(
    system: DagsterDev, stores: Graph, landing: Path
) -> None:
    publish(landing, "green", FIRST, rows=2200, seed=4)
    wait_for_rows(system, stores, FIRST, 2200)
    newest = entries(stores.postgres_url, "raw")[-1]
    assert f"{newest['trip_month']:%Y-%m}" == FIRST
    assert newest["source_url"].startswith("file://")


@pytest.mark.slow
def test_a_source_that_stumbles_costs_a_month_some_seconds_and_nobody_an_alert(
    system: DagsterDev, stores: Graph, tlc: PublishedMonths, receiver: Receiver
) -> None:
    system.wait(lambda: settled(system), WITHIN)
    receiver.take()
    tlc.next_answers("green", STUMBLING, *unavailable(times=2), cut(1000))
    tlc.publish("green", STUMBLING, rows=2100, seed=7)
    wait_for_rows(system, stores, STUMBLING, 2100)
    assert [request.status for request in tlc.downloads("green", STUMBLING)] == [503, 503, 200, 206]
    assert told_of(receiver, STUMBLING) == []


def test_the_monthly_schedule_asks_for_the_month_that_is_usually_out_by_then(system: DagsterDev) -> None:
    day = datetime(2024, 7, 17, 6, tzinfo=UTC)
    selector = {
        "repositoryLocationName": "taxi_assets",
        "repositoryName": "__repository__",
        "scheduleName": "green_monthly",
    }
    told = system.ask(_DRY_RUN, selector=selector, timestamp=day.timestamp())["scheduleDryRun"]
    found = told["evaluationResult"]
    assert found["error"] is None
    months = [
        tag["value"]
        for request in found["runRequests"]
        for tag in request["tags"]
        if tag["key"] == "dagster/partition"
    ]
    assert MONTH in months
    assert all(month <= MONTH for month in months)


@pytest.mark.slow
def test_targets_follow_a_month_that_was_cleaned_alone(system: DagsterDev, stores: Graph) -> None:
    before = stores.postgres_counts("green")[MONTH]
    config = {"ops": {"clean_green_trips": {"config": {"max_distance_miles": 3.0}}}}
    stages = ["cleaned/green_trips", "quarantined/green_trips"]
    system.launch("green_trips", MONTH, stages, {**config, **_let_through(MONTH)})

    def followed() -> bool:
        found = green_counts(stores, MONTH)
        return all(rows is not None and rows < before for rows in found.values())

    system.wait(followed, WITHIN)
    system.wait(lambda: settled(system), WITHIN)
    cleaned = stores.lake_rows("cleaned", "green", MONTH)
    assert stores.targets("green", MONTH) == dict.fromkeys(TARGETS, cleaned)
    assert "automation" in str(entries(stores.postgres_url, "postgres")[-1]["launched_by"])


@pytest.mark.slow
def test_what_is_lost_from_a_store_is_found_and_loaded_again(system: DagsterDev, stores: Graph) -> None:
    cleaned = stores.lake_rows("cleaned", "green", MONTH)
    stores.forget_in_postgres("green", MONTH)
    for file in (stores.home / "lake" / "lake" / "green_trips" / f"trip_month={MONTH}-01").iterdir():
        file.unlink()
    known = {run.run_id for run in system.runs()}
    system.launch("reconcile")
    system.wait(lambda: stores.postgres_counts("green").get(MONTH) == cleaned.total(), WITHIN)
    system.wait(lambda: stores.lake_counts("green").get(MONTH) == cleaned.total(), WITHIN)
    system.wait(lambda: settled(system), WITHIN)
    healing = [run for run in system.runs() if run.run_id not in known and run.job_name == "green_trips"]
    touched = {key.path[0] for run in healing for key in run.asset_selection or ()}
    assert touched == {"postgres", "lake"}, "the nearest intact upstream is the cleaned month"
    assert stores.targets("green", MONTH) == dict.fromkeys(TARGETS, cleaned)

    def compared_again() -> bool:
        """Whether it has looked by itself if its runs have helped; the nightly one may come in between."""
        ended = system.runs(DagsterRunStatus.SUCCESS, **{"dagster/sensor_name": "heal"})
        return any(run.job_name == "reconcile" for run in ended)

    system.wait(compared_again, WITHIN)
    with system.instance() as instance:
        newest = newest_comparison(instance)
    assert newest is not None
    assert newest.found.clean


@pytest.mark.slow
def test_a_month_unlike_its_neighbours_waits_until_a_person_lets_it_through(
    system: DagsterDev, stores: Graph, tlc: PublishedMonths, receiver: Receiver
) -> None:
    receiver.take()
    tlc.publish("green", NEXT, rows=300, seed=6)
    (alert,) = system.wait(lambda: told_of(receiver, NEXT), WITHIN)
    assert "times fewer than" in alert.body
    system.wait(lambda: settled(system), WITHIN)
    assert stores.lake_rows("cleaned", "green", NEXT).total() > 200, "it is kept for a look"
    assert [month for found in stores.counts("green").values() for month in found if month == NEXT] == []

    receiver.take()
    system.launch("green_trips", NEXT, config=_let_through(NEXT))
    wait_for_rows(system, stores, NEXT, 300)
    (recovery,) = system.wait(lambda: told_of(receiver, NEXT), WITHIN)
    assert "well again" in recovery.title or "recovered" in recovery.title


def test_the_daemon_finds_a_service_with_a_new_month_fresh_and_one_without_unknown(
    system: DagsterDev, stores: Graph
) -> None:
    keys = {name: trips("postgres", name) for name in ("green", "yellow")}

    def states() -> dict[str, str]:
        with system.instance() as instance:
            found = instance.get_freshness_state_records(list(keys.values()))
        return {name: str(found[key].freshness_state.value) for name, key in keys.items() if key in found}

    system.wait(lambda: states() == {"green": "PASS", "yellow": "UNKNOWN"}, WITHIN)


@pytest.mark.slow
def test_after_a_restart_nothing_is_asked_for_that_stands_already(
    system: DagsterDev, stores: Graph, tlc: PublishedMonths
) -> None:
    system.wait(lambda: settled(system), WITHIN)
    known = len(system.runs())
    system.kill()
    tlc.publish("green", NEXT, rows=1800, seed=5)
    system.start()
    wait_for_rows(system, stores, NEXT, 1800)
    later = system.runs()
    # Its marts may have been made by now, in a run of their own.
    (new,) = [run for run in later[: len(later) - known] if run.job_name == "green_trips"]
    assert new.tags["dagster/partition"] == NEXT
    trail = [row for row in entries(stores.postgres_url) if row["run_id"] == new.run_id]
    assert sorted(row["target"] for row in trail) == sorted(("raw", "cleaned", "quarantined", *TARGETS))


def test_no_secret_is_in_what_the_processes_printed_or_in_dagsters_history(system: DagsterDev) -> None:
    printed = system.log.read_text(errors="replace")
    stored = b"".join(path.read_bytes() for path in (system.home / "dagster").rglob("*.db"))
    for secret in ("Hx7-s3cr3t", "Zq9-t0ken"):
        assert secret not in printed
        assert secret.encode() not in stored


def _let_through(month: str) -> dict[str, object]:
    """A person has looked at the month."""
    return {"resources": {"gate": {"config": {"accept": [month]}}}}
