"""Which runs count: each once, whenever it ends and whoever retries, cancels or kills it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance, Failure, asset, materialize
from sqlalchemy.exc import DatabaseError

from taxi_assets.alerts import ended_runs, events
from taxi_assets.settings import Settings
from taxi_assets_tests.alerts.receiver import Receiver
from taxi_assets_tests.alerts.scripted import Scripted
from taxi_assets_tests.alerts.watcher import Watcher

RETRIES = {"run_retries": {"enabled": True}}
FAILED, WELL = "green 2024-01: raw failed", "green 2024-01: all is well again"


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    """An instance that retries runs where they ask for it."""
    with DagsterInstance.ephemeral(settings=RETRIES) as instance:
        yield Scripted(instance)


@pytest.fixture
def watcher(scripted: Scripted, receiver: Receiver, tmp_path: Path) -> Watcher:
    settings = Settings.from_environment({"TAXI_HOME": str(tmp_path)})
    return Watcher(scripted.definitions, scripted.instance, settings, receiver.url)


def test_what_ended_before_the_first_look_is_history(
    scripted: Scripted, watcher: Watcher, receiver: Receiver
) -> None:
    scripted.broken = {"raw"}
    scripted.run("2024-01")
    watcher.tick()
    watcher.tick()
    assert receiver.titles() == []
    scripted.run("2024-02")
    watcher.tick()
    assert receiver.titles() == ["green 2024-02: raw failed"]


def test_a_run_that_will_be_retried_is_silent_until_its_last_retry_has_failed(
    scripted: Scripted, watcher: Watcher, receiver: Receiver
) -> None:
    watcher.tick()
    scripted.broken = {"raw"}
    first = scripted.run("2024-01", max_retries="1")
    assert first.tags["dagster/will_retry"] == "true"
    watcher.tick()
    assert receiver.titles() == []
    retry = scripted.run("2024-01", parent_run_id=first.run_id, retry_number="1")
    scripted.instance.add_run_tags(first.run_id, {"dagster/auto_retry_run_id": retry.run_id})
    watcher.tick()
    watcher.tick()
    assert receiver.titles() == [FAILED]
    assert retry.run_id in receiver.received[0].body
    assert watcher.memory.waiting == {}


def test_a_retry_that_succeeds_leaves_nothing_to_tell(
    scripted: Scripted, watcher: Watcher, receiver: Receiver
) -> None:
    watcher.tick()
    scripted.broken = {"raw"}
    first = scripted.run("2024-01", max_retries="1")
    watcher.tick()
    scripted.broken = set()
    retry = scripted.run("2024-01")
    scripted.instance.add_run_tags(first.run_id, {"dagster/auto_retry_run_id": retry.run_id})
    watcher.tick()
    assert receiver.titles() == []


def test_a_run_that_was_given_up_and_fails_once_more_when_it_comes_back_tells_nothing(
    scripted: Scripted, watcher: Watcher, receiver: Receiver
) -> None:
    watcher.tick()
    scripted.broken = {"raw"}
    came_back = scripted.run("2024-01")
    assert came_back.tags.get("dagster/will_retry") != "true", "its second failure takes the promise back"
    scripted.broken = set()
    retry = scripted.run("2024-01")
    scripted.instance.add_run_tags(came_back.run_id, {"dagster/auto_retry_run_id": retry.run_id})
    watcher.tick()
    watcher.tick()
    assert receiver.titles() == []


def test_a_retry_that_can_not_be_started_makes_the_failure_final(
    scripted: Scripted, watcher: Watcher, receiver: Receiver
) -> None:
    watcher.tick()
    scripted.broken = {"raw"}
    first = scripted.run("2024-01", max_retries="1")
    watcher.tick()
    scripted.instance.add_run_tags(first.run_id, {"dagster/will_retry": "false"})
    watcher.tick()
    watcher.tick()
    assert receiver.titles() == [FAILED]


def test_a_retry_that_never_comes_is_not_waited_for_for_ever(
    scripted: Scripted, watcher: Watcher, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher.tick()
    scripted.broken = {"raw"}
    scripted.run("2024-01", max_retries="1")
    scripted.run("2024-02", max_retries="1")
    watcher.tick()
    scripted.broken = set()
    scripted.run("2024-02")
    watcher.tick()
    assert receiver.titles() == []
    monkeypatch.setattr(ended_runs, "PATIENCE", 0.0)
    watcher.tick()
    watcher.tick()
    assert receiver.titles() == [FAILED]  # and not of 2024-02, which somebody has made since


def test_a_cancelled_run_is_no_failure(scripted: Scripted, watcher: Watcher, receiver: Receiver) -> None:
    watcher.tick()
    run = scripted.planned("2024-01")
    scripted.instance.report_run_canceled(run)
    watcher.tick()
    assert "1 runs ended" in watcher.said[-1]
    assert receiver.titles() == []


def test_a_run_that_dies_before_its_first_step_is_told_with_all_that_it_was_to_make(
    scripted: Scripted, watcher: Watcher, receiver: Receiver
) -> None:
    watcher.tick()
    run = scripted.planned("2024-01")
    scripted.instance.report_run_failed(run, message="The process of the run is gone.")
    watcher.tick()
    assert receiver.titles() == ["green 2024-01: raw, cleaned and postgres failed"]
    assert "raw, cleaned and postgres of green 2024-01: The process of the run is gone." in (
        receiver.received[0].body
    )
    scripted.run("2024-01")
    watcher.tick()
    assert receiver.titles()[1:] == [WELL]


def test_a_run_that_fails_after_all_is_made_is_told_as_a_run(
    scripted: Scripted, watcher: Watcher, receiver: Receiver
) -> None:
    watcher.tick()
    run = scripted.run("2024-01")
    scripted.instance.report_run_failed(run, message="The process of the run is gone.")
    watcher.tick()
    assert receiver.titles() == ["green_trips 2024-01: the run failed"]
    scripted.run("2024-01")
    watcher.tick()
    assert receiver.titles()[1:] == ["green_trips 2024-01: all is well again"]


def test_a_tag_that_somebody_adds_later_tells_nothing_again(
    scripted: Scripted, watcher: Watcher, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher.tick()
    scripted.broken = {"raw"}
    failed = scripted.run("2024-01")
    watcher.tick()
    scripted.broken = set()
    scripted.run("2024-01")
    watcher.tick()
    monkeypatch.setattr(ended_runs, "OVERLAP", 0.0)  # so long ago that its id is forgotten
    watcher.tick()
    scripted.instance.add_run_tags(failed.run_id, {"who": "looked"})
    watcher.tick()
    assert receiver.titles() == [FAILED, WELL]


def test_runs_that_end_at_one_moment_and_are_seen_late_are_each_told_once(
    scripted: Scripted, watcher: Watcher, receiver: Receiver
) -> None:
    watcher.tick()
    moment = time.time()
    scripted.kill("2024-01", at=moment)
    scripted.kill("2024-02", at=moment)
    watcher.tick()
    scripted.kill("2024-03", at=moment)
    scripted.kill("2024-04", at=moment - 60)  # by a machine whose clock is behind
    watcher.tick()
    scripted.kill("2024-05", at=moment + 300)  # and one whose clock is ahead
    watcher.tick()
    scripted.kill("2024-06", at=time.time())
    watcher.tick()
    watcher.tick()
    months = [title.split(":")[0] for title in receiver.titles()]
    assert sorted(months) == [f"green 2024-0{number}" for number in range(1, 7)]


def test_more_runs_than_one_look_takes_are_told_by_the_next_ones(
    scripted: Scripted, watcher: Watcher, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ended_runs, "MOST_RUNS", 2)
    watcher.tick()
    scripted.broken = {"raw"}
    for month in ("2024-01", "2024-02", "2024-03", "2024-04", "2024-05"):
        scripted.run(month)
    for known in (2, 4, 5, 5):
        watcher.tick()
        assert len(receiver.received) == known
    assert receiver.titles() == [f"green 2024-0{number}: raw failed" for number in range(1, 6)]


def test_a_cursor_that_can_not_be_read_is_begun_anew(
    scripted: Scripted, watcher: Watcher, receiver: Receiver
) -> None:
    scripted.broken = {"raw"}
    for garbage in ("garbage", "{}", '{"version": 99}', "[1, 2]", '{"version": 1, "newest_end": "x"}'):
        scripted.run("2024-01")
        watcher.cursor = garbage
        watcher.tick()
    assert receiver.titles() == []
    scripted.run("2024-01")
    watcher.tick()
    assert receiver.titles() == [FAILED]


def test_a_machine_that_is_started_anew_goes_on_where_it_was(
    watcher: Watcher, receiver: Receiver, tmp_path: Path
) -> None:
    cursor = None
    for broken, month in (({"raw"}, None), ({"raw"}, "2024-01"), ({"raw"}, "2024-02"), (set(), "2024-01")):
        with DagsterInstance.local_temp(str(tmp_path), overrides=RETRIES) as instance:
            scripted = Scripted(instance, broken)
            anew = Watcher(scripted.definitions, instance, watcher.settings, receiver.url, cursor)
            if month:
                scripted.run(month)
            anew.tick()
            cursor = anew.cursor
    assert receiver.titles() == [FAILED, "green 2024-02: raw failed", WELL]


def test_a_death_between_sending_and_remembering_sends_again_and_loses_nothing(
    scripted: Scripted, watcher: Watcher, receiver: Receiver
) -> None:
    watcher.tick()
    scripted.broken = {"raw"}
    scripted.run("2024-01")
    watcher.tick(dies=True)
    watcher.tick()
    watcher.tick()
    assert receiver.titles() == [FAILED, FAILED]


def test_a_run_of_somebody_elses_assets_is_not_ours_to_tell(
    scripted: Scripted, watcher: Watcher, receiver: Receiver
) -> None:
    @asset
    def foreign() -> None:
        raise Failure("not our business", allow_retries=False)

    watcher.tick()
    materialize([foreign], instance=scripted.instance, raise_on_error=False)
    watcher.tick()
    assert "1 runs ended" in watcher.said[-1]
    assert receiver.titles() == []


def test_a_run_that_can_not_be_read_is_told_so_and_silences_no_other(
    scripted: Scripted, watcher: Watcher, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher.tick()
    scripted.broken = {"raw"}
    scripted.run("2024-01")
    with monkeypatch.context() as newer:
        newer.setattr(events, "step_reason", lambda event: event.renamed)
        watcher.tick()
    assert receiver.titles() == ["green_trips 2024-01: what the run did can't be read"]
    scripted.run("2024-02")
    watcher.tick()
    assert receiver.titles()[1:] == ["green 2024-02: raw failed"]


def test_a_log_that_a_power_cut_spoilt_silences_no_other(
    scripted: Scripted, watcher: Watcher, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher.tick()
    scripted.run("2024-01")

    def spoilt(*_: object, **__: object) -> None:
        raise DatabaseError("SELECT", None, Exception("database disk image is malformed"))

    with monkeypatch.context() as broken:
        broken.setattr(DagsterInstance, "all_logs", spoilt)
        watcher.tick()
    assert receiver.titles() == ["green_trips 2024-01: what the run did can't be read"]
    scripted.broken = {"raw"}
    scripted.run("2024-02")
    watcher.tick()
    assert receiver.titles()[1:] == ["green 2024-02: raw failed"]


def test_a_history_in_postgres_tells_the_same(
    watcher: Watcher, receiver: Receiver, tmp_path: Path, postgres_url: str
) -> None:
    storage = {"storage": {"postgres": {"postgres_url": postgres_url}}}
    with DagsterInstance.local_temp(str(tmp_path), overrides={**RETRIES, **storage}) as instance:
        scripted = Scripted(instance, {"cleaned"})
        kept = Watcher(scripted.definitions, instance, watcher.settings, receiver.url)
        kept.tick()
        scripted.run("2024-01", "2024-03")
        kept.tick()
        scripted.run("2024-02", max_retries="1")
        kept.tick()
        scripted.broken = set()
        scripted.run("2024-01", "2024-03")
        kept.tick()
        kept.tick()
    assert receiver.titles() == [
        "green 2024-01 to 2024-03: cleaned failed",
        "green 2024-01 to 2024-03: all is well again",
    ]


def test_what_a_library_quotes_of_a_store_is_told_without_its_password(
    scripted: Scripted, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql://loader:Hx7-s3cr3t@db.example/taxi"
    settings = Settings.from_environment({"TAXI_HOME": str(tmp_path), "TAXI_POSTGRES_URL": url})
    watcher = Watcher(scripted.definitions, scripted.instance, settings, receiver.url)
    watcher.tick()
    scripted.run("2024-01")

    def refused(*_: object, **__: object) -> None:
        raise ConnectionError(f"no answer from {url}")

    with monkeypatch.context() as away:
        away.setattr(DagsterInstance, "all_logs", refused)
        watcher.tick()
    (message,) = receiver.take()
    assert "no answer from" in message.body
    assert "Hx7" not in message.body
