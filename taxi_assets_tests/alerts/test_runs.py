"""Runs of the real graph that fail and are mended: told once when it goes wrong, once when it is right."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from taxi_assets_tests.alerts.receiver import Message, Receiver
from taxi_assets_tests.alerts.watcher import Watcher
from taxi_assets_tests.assets.graph import Graph, publish

MONTH, FILE = "2024-01", "green_tripdata_2024-01.parquet"
RELOAD: Mapping[str, Any] = {"resources": {"postgres_io": {"config": {"pass_over_current": False}}}}


@contextmanager
def unreadable_warehouse(graph: Graph) -> Iterator[None]:
    """A disk that gives back garbage in the place of the warehouse's file, until it is restored."""
    file = Path(graph.warehouse)
    kept = file.read_bytes() if file.exists() else None
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"garbage" * 4096)
    yield
    if kept is None:
        file.unlink()
    else:
        file.write_bytes(kept)


def told(watcher: Watcher, receiver: Receiver) -> list[Message]:
    """What the next tick tells."""
    watcher.tick()
    return receiver.take()


def test_a_bad_file_is_told_once_with_its_reason_and_its_recovery_once(
    graph: Graph, source: Path, watcher: Watcher, receiver: Receiver
) -> None:
    whole = (source / FILE).read_bytes()
    (source / FILE).write_bytes(whole[:1000])
    run_id = graph.run("green", MONTH).run_id
    (message,) = told(watcher, receiver)
    assert (message.kind, message.title) == ("failure", "green 2024-01: raw failed")
    why, skipped, missing, link = message.body.splitlines()
    assert why.startswith(
        f"raw of green 2024-01: {source / FILE}: expected a Parquet file, found 1,000 bytes"
    )
    assert skipped == (
        "Not reached because of it: "
        "cleaned, quarantined, postgres, lake, warehouse and monthly_summary of green 2024-01."
    )
    assert missing == "Not stored so far: postgres, lake and warehouse of green 2024-01."
    assert link == f"http://localhost:3000/runs/{run_id}"

    assert not graph.run("green", MONTH).success
    assert told(watcher, receiver) == []
    (source / FILE).write_bytes(whole)
    run_id = graph.run("green", MONTH).run_id
    (message,) = told(watcher, receiver)
    assert (message.kind, message.title) == ("success", "green 2024-01: all is well again")
    made = "raw, cleaned, quarantined, postgres, lake, warehouse and monthly_summary"
    assert f"{made} of green 2024-01: right again" in message.body
    assert message.body.endswith(f"/runs/{run_id}")
    assert told(watcher, receiver) == []
    assert watcher.memory.board() == {}


def test_a_store_that_is_down_for_a_backfill_is_one_message_about_all_months(
    graph: Graph, watcher: Watcher, receiver: Receiver
) -> None:
    with unreadable_warehouse(graph):
        assert not graph.run("green", "2024-01", "2024-03").success
    (message,) = told(watcher, receiver)
    assert message.title == "green 2024-01 to 2024-03: warehouse failed"
    assert f"{graph.warehouse}" in message.body
    assert "Not stored so far: warehouse of green 2024-01 to 2024-03." in message.body
    assert graph.run("green", "2024-01", "2024-03").success
    assert [one.title for one in told(watcher, receiver)] == ["green 2024-01 to 2024-03: all is well again"]


def test_what_stood_before_a_failure_is_said_to_stand(
    graph: Graph, source: Path, watcher: Watcher, receiver: Receiver
) -> None:
    assert graph.run("green", MONTH).success
    assert told(watcher, receiver) == []
    publish(source, "green", MONTH, rows=400, seed=2)
    with unreadable_warehouse(graph):
        assert not graph.run("green", MONTH).success
    failure, news = told(watcher, receiver)
    assert "Still there as it was before: warehouse of green 2024-01." in failure.body
    assert news.title == "green 2024-01 was re-published: 300 -> 400 rows"
    assert "The run brought it to postgres and lake." in news.body


def test_a_month_whose_failure_moves_on_is_told_of_both(
    graph: Graph, source: Path, watcher: Watcher, receiver: Receiver
) -> None:
    whole = (source / FILE).read_bytes()
    (source / FILE).write_bytes(whole[:1000])
    graph.run("green", MONTH)
    (source / FILE).write_bytes(whole)
    with unreadable_warehouse(graph):
        graph.run("green", MONTH)
    titles = [message.title for message in told(watcher, receiver)]
    assert titles == [
        "green 2024-01: raw failed",
        "green 2024-01: warehouse failed",
        "green 2024-01: raw, cleaned, quarantined, postgres, lake and monthly_summary recovered",
    ]
    graph.run("green", MONTH)
    assert [one.title for one in told(watcher, receiver)] == ["green 2024-01: all is well again"]


def test_a_check_that_fails_is_told_by_month_and_so_is_its_passing(
    graph: Graph, watcher: Watcher, receiver: Receiver
) -> None:
    assert graph.run("green", MONTH, "2024-02").success
    assert told(watcher, receiver) == []
    with psycopg.connect(graph.postgres_url) as connection:
        connection.execute(
            "DELETE FROM taxi.green_trips WHERE trip_month = '2024-01-01' AND ctid = "
            "(SELECT min(ctid) FROM taxi.green_trips WHERE trip_month = '2024-01-01')"
        )
    assert not graph.check("green", MONTH).success
    (message,) = told(watcher, receiver)
    assert (message.kind, message.title) == (
        "failure",
        "green 2024-01: check postgres matches_cleaned failed",
    )
    assert "cleaned = postgres: off by -1 in rows" in message.body
    assert not graph.check("green", MONTH).success
    assert told(watcher, receiver) == []
    assert graph.run("green", MONTH, "2024-02", config=RELOAD).success
    (message,) = told(watcher, receiver)
    assert message.title == "green 2024-01: all is well again"
    assert "postgres matches_cleaned of green 2024-01: right again" in message.body


def test_a_warning_is_no_alarm(graph: Graph, watcher: Watcher, receiver: Receiver) -> None:
    result = graph.run("green", MONTH)
    assert [one.check_name for one in result.get_asset_check_evaluations() if not one.passed] == [
        "published_row_count"
    ]
    assert told(watcher, receiver) == []


def test_months_that_were_published_anew_are_one_message_with_old_and_new_counts(
    graph: Graph, source: Path, watcher: Watcher, receiver: Receiver
) -> None:
    assert graph.run("green", "2024-01", "2024-03", only=["raw"]).success
    publish(source, "green", "2024-01", "2024-03", rows=310, seed=2)
    publish(source, "green", "2024-02", rows=300, seed=2)
    assert graph.run("green", "2024-01", "2024-03", only=["raw"]).success
    (message,) = told(watcher, receiver)
    assert (message.kind, message.title) == ("info", "green 2024-01 to 2024-03: 3 months were re-published")
    assert message.body.splitlines()[:4] == [
        "2024-01: 300 -> 310 rows",
        "2024-02: 300 rows as before, with another content",
        "2024-03: 300 -> 310 rows",
        "No store has it yet.",
    ]


def test_a_file_that_is_fetched_again_unchanged_is_no_news(
    graph: Graph, watcher: Watcher, receiver: Receiver
) -> None:
    assert graph.run("green", MONTH, only=["raw"]).success
    regardless = {"resources": {"raw_io": {"config": {"pass_over_current": False}}}}
    assert graph.run("green", MONTH, only=["raw"], config=regardless).success
    assert told(watcher, receiver) == []


def test_an_asset_without_months_is_told_by_its_name(
    graph: Graph, watcher: Watcher, receiver: Receiver
) -> None:
    job = graph.definitions.resolve_job_def("reference")
    job.execute_in_process(instance=graph.instance, raise_on_error=False)
    (message,) = told(watcher, receiver)
    assert message.title == "zones: failed"
    assert message.body.startswith("zones: ")
