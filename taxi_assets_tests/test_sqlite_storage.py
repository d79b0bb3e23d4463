"""The history that keeps its connections is Dagster's own history, and nobody who reads it waits longer."""

import multiprocessing
import os
import signal
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from dagster import (
    AssetCheckResult,
    AssetKey,
    AssetMaterialization,
    AssetSelection,
    BackfillPolicy,
    DagsterEventType,
    DagsterInstance,
    Definitions,
    EventLogEntry,
    MaterializeResult,
    StaticPartitionsDefinition,
    asset,
    asset_check,
    define_asset_job,
)
from dagster._core.events import ASSET_EVENTS, DagsterEvent, StepMaterializationData
from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy import Connection, Engine, event

from taxi_assets.instance import open_instance
from taxi_assets.settings import Settings
from taxi_assets.sqlite_storage import EventLogStorage, RunStorage, ScheduleStorage

KEY = AssetKey("month")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return tmp_path


def opened(home: Path) -> DagsterInstance:
    return open_instance(Settings.from_environment({"DAGSTER_HOME": str(home)}))


@contextmanager
def of_dagsters_own(home: Path) -> Iterator[DagsterInstance]:
    """The same history, by the storage that Dagster takes if ``dagster.yaml`` names none."""
    file = home / "dagster.yaml"
    ours = file.read_text()
    file.write_text("telemetry:\n  enabled: false\n")
    try:
        with DagsterInstance.from_config(str(home)) as instance:
            assert type(instance.event_log_storage) is SqliteEventLogStorage
            yield instance
    finally:
        file.write_text(ours)


@contextmanager
def noticed(what: str) -> Iterator[list[object]]:
    """The connections of any engine to which an event of SQLAlchemy's happens within the block."""
    to: list[object] = []

    def notice(connection: object, *_: object) -> None:
        to.append(connection)

    event.listen(Engine, what, notice)
    try:
        yield to
    finally:
        event.remove(Engine, what, notice)


def tell(instance: DagsterInstance, run_id: str, partition: str) -> None:
    materialization = AssetMaterialization(KEY, partition=partition)
    instance.report_dagster_event(
        DagsterEvent(
            DagsterEventType.ASSET_MATERIALIZATION.value,
            "a_job",
            event_specific_data=StepMaterializationData(materialization),
        ),
        run_id,
    )


def told(instance: DagsterInstance) -> list[str]:
    records = instance.fetch_materializations(KEY, limit=1000).records
    return sorted(f"{record.partition_key}" for record in records)


def test_the_product_keeps_its_connections_from_one_event_to_the_next(home: Path) -> None:
    with opened(home) as instance:
        assert isinstance(instance.event_log_storage, EventLogStorage)
        assert isinstance(instance.run_storage, RunStorage)
        assert isinstance(instance.schedule_storage, ScheduleStorage)
        _use(instance, "first")
        with noticed("connect") as connects:
            for number in range(5):
                _use(instance, f"{number}")
        assert connects == []


def _use(instance: DagsterInstance, partition: str) -> None:
    tell(instance, "a", partition)
    assert instance.get_runs() == []
    assert list(instance.all_instigator_state()) == []


def test_what_one_storage_wrote_the_other_reads(home: Path) -> None:
    with opened(home) as instance:
        tell(instance, "a", "ours")
    with of_dagsters_own(home) as instance:
        tell(instance, "a", "theirs")
        assert told(instance) == ["ours", "theirs"]
    with opened(home) as instance:
        assert told(instance) == ["ours", "theirs"]
        assert len(instance.all_logs("a")) == 2


def test_who_watches_a_run_hears_of_an_event_at_once_though_no_file_is_closed(home: Path) -> None:
    heard = threading.Event()
    with opened(home) as writes, opened(home) as reads:
        tell(writes, "a", "first")
        reads.watch_event_logs("a", None, lambda entry, _: heard.set() if "second" in f"{entry}" else None)
        tell(writes, "a", "second")
        assert heard.wait(30)


def test_a_history_of_many_runs_holds_few_files_open(home: Path) -> None:
    with opened(home) as instance:
        runs = [f"run_{number}" for number in range(20)]
        for run in runs:
            tell(instance, run, run)
        ours = {file.path for file in psutil.Process().open_files() if file.path.startswith(str(home))}
        assert len([file for file in ours if file.endswith(".db")]) <= 10  # 8 of events, runs, schedules
        assert told(instance) == sorted(runs)
    assert not [file for file in psutil.Process().open_files() if file.path.startswith(str(home))]


def test_a_wiped_history_takes_events_again(home: Path) -> None:
    with opened(home) as instance:
        tell(instance, "a", "before")
        instance.event_log_storage.wipe()
        tell(instance, "a", "after")
        assert told(instance) == ["after"]
        assert len(instance.all_logs("a")) == 1


def test_two_processes_and_a_thread_that_write_at_once_lose_nothing(home: Path) -> None:
    with opened(home) as instance:
        spawn = multiprocessing.get_context("spawn")
        processes = [spawn.Process(target=_write, args=(home, name)) for name in ("a", "b")]
        for process in processes:
            process.start()
        thread = threading.Thread(target=_tell_all, args=(instance, "c"))
        thread.start()
        _tell_all(instance, "d")
        thread.join()
        for process in processes:
            process.join(120)
            assert process.exitcode == 0
        assert told(instance) == sorted(f"{name}{number}" for name in "abcd" for number in range(20))


def test_a_killed_process_leaves_every_event_that_it_recorded(home: Path) -> None:
    killed = multiprocessing.get_context("spawn").Process(target=_write_and_die, args=(home, "a"))
    killed.start()
    killed.join(120)
    assert killed.exitcode == -signal.SIGKILL
    with opened(home) as instance:
        assert told(instance) == sorted(f"a{number}" for number in range(20))
        assert len(instance.all_logs("a")) == 20


def _write_and_die(home: Path, name: str) -> None:
    with opened(home) as instance:
        _tell_all(instance, name)
        os.kill(os.getpid(), signal.SIGKILL)


def _write(home: Path, name: str) -> None:
    with opened(home) as instance:
        _tell_all(instance, name)


def _tell_all(instance: DagsterInstance, name: str) -> None:
    for number in range(20):
        tell(instance, name, f"{name}{number}")


def told_at_once(instance: DagsterInstance, months: int) -> str:
    """A run that materializes so many partitions of two assets, each at the end of one step."""
    keys = [f"{month:03}" for month in range(months)]
    partitions = StaticPartitionsDefinition(keys)

    @asset(partitions_def=partitions, backfill_policy=BackfillPolicy.single_run())
    def month() -> MaterializeResult[None]:
        return MaterializeResult(metadata={"rows": 1}, tags={"kind": "tried"})

    @asset(partitions_def=partitions, backfill_policy=BackfillPolicy.single_run(), deps=[month])
    def month_again() -> None: ...

    job = Definitions(assets=[month, month_again]).resolve_implicit_global_asset_job_def()
    span = {"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]}
    run = job.execute_in_process(instance=instance, tags=span)
    assert run.success
    return run.run_id


def known(instance: DagsterInstance, run_id: str) -> list[object]:
    """All that is asked of a history about a run's assets, without times and numbers of processes."""
    logged = [entry for entry in instance.all_logs(run_id) if entry.dagster_event_type in ASSET_EVENTS]
    facts: list[object] = []
    facts += sorted(
        f"{entry.step_key} {entry.dagster_event_type} {entry.get_dagster_event().partition}"
        for entry in logged
    )
    for key in (KEY, AssetKey("month_again")):
        records = instance.fetch_materializations(key, limit=100).records
        (of_asset,) = instance.get_asset_records([key])
        latest = of_asset.asset_entry.last_materialization_record
        assert latest
        facts += [
            latest.storage_id == records[0].storage_id,
            latest.run_id == run_id,
            of_asset.asset_entry.last_run_id == run_id,
            instance.get_latest_materialization_event(key) is not None,
        ]
        facts += sorted(f"{record.partition_key}" for record in records)
        facts += sorted(instance.get_materialized_partitions(key))
        facts += sorted(
            f"{sorted(tags)}" for tags in instance.event_log_storage.get_event_tags_for_asset(key)
        )
    return facts


def test_events_that_are_told_at_once_are_known_as_if_each_had_been_told_alone(home: Path) -> None:
    with opened(home) as instance:
        ours = known(instance, told_at_once(instance, months=5))
        assert len(ours) >= 2 * (5 + 5 + 5 + 5)
    with of_dagsters_own(home) as instance:
        instance.wipe()
        assert ours == known(instance, told_at_once(instance, months=5))


def test_a_run_over_more_months_takes_no_more_transactions_for_its_materializations(home: Path) -> None:
    with opened(home) as instance:
        numbers = []
        for months in (5, 50):
            told_at_once(instance, months)  # what is asked once and then remembered
            with noticed("begin") as transactions:
                told_at_once(instance, months)
            numbers.append(len(transactions))
    assert numbers[0] == numbers[1] > 0


def test_a_batch_that_fails_is_stored_one_by_one_and_nothing_twice(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[int] = []
    tags = EventLogStorage._store_asset_event_tags

    def refuse(
        self: EventLogStorage, connection: Connection, events: Sequence[EventLogEntry], ids: Sequence[int]
    ) -> None:
        if len(events) > 1:
            refused.append(len(events))
            raise sqlite3.OperationalError("database is locked")
        tags(self, connection, events, ids)

    monkeypatch.setattr(EventLogStorage, "_store_asset_event_tags", refuse)
    with opened(home) as instance:
        run_id = told_at_once(instance, months=4)
        assert refused
        assert told(instance) == ["000", "001", "002", "003"]
        of_run = [entry.dagster_event_type for entry in instance.all_logs(run_id)]
        assert of_run.count(DagsterEventType.ASSET_MATERIALIZATION) == 8


def test_a_run_of_checks_alone_stores_its_events_and_no_others(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    @asset_check(asset=KEY)
    def one() -> AssetCheckResult:
        return AssetCheckResult(passed=True)

    @asset_check(asset=KEY)
    def other() -> AssetCheckResult:
        return AssetCheckResult(passed=False)

    job = Definitions(
        asset_checks=[one, other], jobs=[define_asset_job("checks", AssetSelection.all_asset_checks())]
    ).resolve_job_def("checks")
    with opened(home) as instance:
        run = job.execute_in_process(instance=instance)
        logged = [entry.dagster_event_type for entry in instance.all_logs(run.run_id)]
        assert logged.count(DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED) == 2
        assert logged.count(DagsterEventType.ASSET_CHECK_EVALUATION) == 2
    assert "Exception while storing event batch" not in capsys.readouterr().err
    with sqlite3.connect(home / "history" / "runs" / f"{run.run_id}.db") as log:
        assert log.execute("SELECT count(*) FROM event_logs").fetchall() == [(len(logged),)]
    with sqlite3.connect(home / "history" / "runs" / "index.db") as index:
        assert index.execute("SELECT count(*) FROM event_logs WHERE event IS NULL").fetchall() == [(0,)]
