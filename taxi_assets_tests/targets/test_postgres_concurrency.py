"""Loads, readers and people at the same table at the same time."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import psycopg
import pyarrow as pa
import pytest

from taxi_assets.targets.postgres import PostgresTarget
from taxi_assets.targets.target import Report, TargetError

JANUARY, FEBRUARY = date(2024, 1, 1), date(2024, 2, 1)
PATIENCE = 20  # seconds that a test waits for something that takes milliseconds


def rows(version: int, count: int = 3) -> pa.Table:
    return pa.table({"version": pa.array([version] * count, pa.int32())})


class Held:
    """A stream that stops after its first batch until it is released."""

    def __init__(self, table: pa.Table) -> None:
        self.started, self.released = threading.Event(), threading.Event()
        self.reader = pa.RecordBatchReader.from_batches(table.schema, self._batches(table))

    def _batches(self, table: pa.Table) -> Iterator[pa.RecordBatch]:
        yield from table.to_batches()
        self.started.set()
        assert self.released.wait(PATIENCE)


def versions(target: PostgresTarget, month: date = JANUARY) -> list[object]:
    return list(target.read("trips", [month], ["version"]).read_all()["version"].to_pylist())


def table_names(target: PostgresTarget) -> list[str]:
    return [str(n) for (n,) in target.query("SELECT tablename FROM pg_tables WHERE schemaname = 'taxi'")]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


def test_a_reader_sees_the_old_month_until_the_new_one_is_complete(
    postgres_target: PostgresTarget, pool: ThreadPoolExecutor
) -> None:
    postgres_target.replace("trips", JANUARY, rows(1).to_reader())
    held = Held(rows(2, 5))
    load = pool.submit(postgres_target.replace, "trips", JANUARY, held.reader)
    assert held.started.wait(PATIENCE)
    assert versions(postgres_target) == [1] * 3
    held.released.set()
    assert load.result(PATIENCE).replaced_rows == 3
    assert versions(postgres_target) == [2] * 5


def test_two_loads_of_one_month_queue_and_the_later_one_stands(
    postgres_target: PostgresTarget, pool: ThreadPoolExecutor
) -> None:
    held = Held(rows(1, 4))
    first = pool.submit(postgres_target.replace, "trips", JANUARY, held.reader)
    assert held.started.wait(PATIENCE)
    second = pool.submit(postgres_target.replace, "trips", JANUARY, rows(2).to_reader())
    time.sleep(0.3)
    assert not second.done()
    held.released.set()
    assert first.result(PATIENCE).replaced_rows is None
    assert second.result(PATIENCE).replaced_rows == 4
    assert versions(postgres_target) == [2] * 3


def test_months_load_side_by_side(postgres_target: PostgresTarget, pool: ThreadPoolExecutor) -> None:
    for month in (JANUARY, FEBRUARY):
        postgres_target.replace("trips", month, rows(1).to_reader())
    held = Held(rows(2))
    first = pool.submit(postgres_target.replace, "trips", JANUARY, held.reader)
    assert held.started.wait(PATIENCE)
    # FEBRUARY is replaced, with a new column, while JANUARY is being loaded: neither table lock nor queue.
    wider = rows(2).append_column("fee", pa.array([0.5] * 3))
    assert postgres_target.replace("trips", FEBRUARY, wider.to_reader()).replaced_rows == 3
    held.released.set()
    assert first.result(PATIENCE).rows == 3
    assert (versions(postgres_target), versions(postgres_target, FEBRUARY)) == ([2] * 3, [2] * 3)
    read = postgres_target.read("trips", [JANUARY], ["fee"]).read_all()
    assert read["fee"].to_pylist() == [None] * 3


def test_a_column_that_took_another_type_during_the_load_is_noticed(
    postgres_target: PostgresTarget, pool: ThreadPoolExecutor
) -> None:
    held = Held(rows(1))
    load = pool.submit(postgres_target.replace, "trips", JANUARY, held.reader)
    assert held.started.wait(PATIENCE)
    postgres_target.replace("trips", FEBRUARY, pa.table({"version": ["a"]}).to_reader())
    held.released.set()
    with pytest.raises(TargetError, match=r"'version' of taxi\.trips became text during the load of integer"):
        load.result(PATIENCE)
    assert list(postgres_target.partitions("trips")) == [FEBRUARY]
    assert not [name for name in table_names(postgres_target) if name.endswith("loading")]


def test_first_loads_may_race_for_schema_and_table(
    postgres_target: PostgresTarget, pool: ThreadPoolExecutor
) -> None:
    start = threading.Barrier(6)

    def load(number: int) -> Report:
        table = rows(number).append_column(f"only_{number % 3}", pa.array([number] * 3))
        start.wait(PATIENCE)
        return postgres_target.replace("trips", date(2024, number, 1), table.to_reader())

    reports = list(pool.map(load, range(1, 7)))
    assert [report.rows for report in reports] == [3] * 6
    held = postgres_target.partitions("trips")
    assert {month.month: part.rows for month, part in held.items() if month} == dict.fromkeys(range(1, 7), 3)
    assert [versions(postgres_target, date(2024, n, 1)) for n in range(1, 7)] == [
        [n] * 3 for n in range(1, 7)
    ]


def test_a_swap_waits_for_a_long_reader_without_making_others_wait(
    postgres_target: PostgresTarget, pool: ThreadPoolExecutor
) -> None:
    postgres_target.replace("trips", JANUARY, rows(1).to_reader())
    with postgres_target.connect() as reader, postgres_target.connect() as other:
        reader.autocommit = False
        reader.execute("SELECT count(*) FROM taxi.trips")
        load = pool.submit(postgres_target.replace, "trips", JANUARY, rows(2).to_reader())
        worst, end = 0.0, time.monotonic() + 1.5
        while time.monotonic() < end:
            began = time.monotonic()
            assert other.execute("SELECT max(version) FROM taxi.trips").fetchone() == (1,)
            worst = max(worst, time.monotonic() - began)
            time.sleep(0.01)
        assert not load.done()
        reader.rollback()
        assert load.result(PATIENCE).seconds["swap"] > 1
    assert versions(postgres_target) == [2] * 3
    assert worst < 1  # 0.1 by the lock's limit; the machine is shared


def test_a_reader_that_never_ends_is_named_and_nothing_is_changed(postgres_url: str) -> None:
    target = PostgresTarget(url=postgres_url, swap_timeout_s=0.3)
    target.replace("trips", JANUARY, rows(1).to_reader())
    with target.connect() as reader:
        reader.autocommit = False
        reader.execute("SELECT count(*) FROM taxi.trips")
        pid = reader.info.backend_pid
        with pytest.raises(psycopg.errors.LockNotAvailable, match=rf"pid {pid} \(taxi_assets, idle in trans"):
            target.replace("trips", JANUARY, rows(2).to_reader())
    assert versions(target) == [1] * 3
    assert sorted(table_names(target)) == ["trips", "trips_2024_01_01"]
    assert target.replace("trips", JANUARY, rows(3).to_reader()).replaced_rows == 3


def test_a_stream_read_from_a_month_may_replace_that_month(postgres_target: PostgresTarget) -> None:
    postgres_target.replace("trips", JANUARY, rows(1, 20_000).to_reader())
    postgres_target.replace("trips", JANUARY, postgres_target.read("trips", [JANUARY], ["version"]))
    assert versions(postgres_target) == [1] * 20_000


def test_a_snapshot_from_before_the_swap_finds_the_month_whole(postgres_target: PostgresTarget) -> None:
    postgres_target.replace("trips", JANUARY, rows(1).to_reader())
    with postgres_target.connect() as reader:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT 1")  # takes the snapshot
        postgres_target.replace("trips", JANUARY, rows(2, 5).to_reader())
        assert reader.execute("SELECT count(*), min(version) FROM taxi.trips").fetchone() == (5, 2)


def test_the_left_over_of_a_dead_load_is_dropped_and_that_of_a_living_one_is_not(
    postgres_target: PostgresTarget, pool: ThreadPoolExecutor
) -> None:
    postgres_target.replace("trips", FEBRUARY, rows(1).to_reader())
    postgres_target.query(
        "CREATE TABLE taxi.trips_2023_01_01__loading (x int); CREATE TABLE taxi.mine__loading (x int);"
        """COMMENT ON TABLE taxi.trips_2023_01_01__loading IS '{"table": "trips", "rows": 0, "facts": {}}'"""
    )
    with postgres_target.connect() as reader:
        reader.autocommit = False
        reader.execute("SELECT count(*) FROM taxi.trips")
        waiting = pool.submit(postgres_target.replace, "trips", FEBRUARY, rows(2).to_reader())
        deadline = time.monotonic() + PATIENCE
        while "trips_2024_02_01__loading" not in table_names(postgres_target):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        postgres_target.replace("trips", JANUARY, rows(1).to_reader())
        names = table_names(postgres_target)
        assert "trips_2024_02_01__loading" in names
        assert "trips_2023_01_01__loading" not in names
        assert "mine__loading" in names
        reader.rollback()
    assert waiting.result(PATIENCE).rows == 3


def test_a_connection_lost_in_mid_load_changes_nothing_and_may_be_tried_again(
    postgres_target: PostgresTarget, pool: ThreadPoolExecutor
) -> None:
    postgres_target.replace("trips", JANUARY, rows(1).to_reader())
    held = Held(rows(2))
    load = pool.submit(postgres_target.replace, "trips", JANUARY, held.reader)
    assert held.started.wait(PATIENCE)
    end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
    postgres_target.query(end + "AND datname = current_database()")
    held.released.set()
    with pytest.raises(psycopg.OperationalError):
        load.result(PATIENCE)
    assert versions(postgres_target) == [1] * 3
    assert postgres_target.replace("trips", JANUARY, rows(3).to_reader()).replaced_rows == 3
    assert sorted(table_names(postgres_target)) == ["trips", "trips_2024_01_01"]


def test_a_load_does_not_run_far_ahead_of_a_server_that_stands_still(
    postgres_target: PostgresTarget, pool: ThreadPoolExecutor
) -> None:
    batch = pa.record_batch({"text": ["some text of a trip" * 10] * 16_384})  # 3 MB
    stopped, taken = threading.Event(), 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal taken
        yield batch
        assert stopped.wait(PATIENCE)
        for taken in range(1, 20):  # noqa: B007
            yield batch

    stream = pa.RecordBatchReader.from_batches(batch.schema, batches())
    load = pool.submit(postgres_target.replace, "trips", JANUARY, stream)
    backend: list[tuple[object, ...]] = []
    deadline = time.monotonic() + PATIENCE
    while not backend:
        assert time.monotonic() < deadline
        backend = postgres_target.query(
            "SELECT pid FROM pg_stat_progress_copy WHERE datname = current_database()"
        )
    pid = int(str(backend[0][0]))
    os.kill(pid, signal.SIGSTOP)
    try:
        stopped.set()
        before = -1
        while before != taken:
            before = taken
            time.sleep(0.3)
        assert taken <= 4
    finally:
        os.kill(pid, signal.SIGCONT)
    assert load.result(PATIENCE).rows == 20 * batch.num_rows
