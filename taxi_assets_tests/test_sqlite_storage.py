"""The history that keeps its connections is Dagster's own history, and nobody who reads it waits longer."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from dagster import AssetKey, AssetMaterialization, DagsterEventType, DagsterInstance
from dagster._core.events import DagsterEvent, StepMaterializationData
from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy import Engine, event

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
        connects: list[object] = []

        def count(*connection: object) -> None:
            connects.append(connection)

        event.listen(Engine, "connect", count)
        try:
            for number in range(5):
                _use(instance, f"{number}")
        finally:
            event.remove(Engine, "connect", count)
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
