"""What goes on in one month is no obstacle to a load of another, and autovacuum is none at all."""

import time
from datetime import date

import psycopg
import pyarrow as pa
import pytest
from psycopg import sql

from taxi_assets.targets.postgres import PostgresTarget, counts
from taxi_assets.targets.postgres.connection import Connection

JANUARY, FEBRUARY = date(2024, 1, 1), date(2024, 2, 1)
LOCK = "LOCK TABLE taxi.trips_2024_01_01 IN {} MODE"
AUTOVACUUM = (
    "SELECT 1 FROM pg_locks l JOIN pg_stat_activity s USING (pid) WHERE s.backend_type = 'autovacuum worker' "
    "AND l.relation = 'taxi.trips_2024_01_01'::regclass AND l.granted"
)


def rows(count: int = 3) -> pa.RecordBatchReader:
    return pa.table({"number": pa.array(range(count), pa.int32())}).to_reader()


@pytest.fixture
def target(postgres_url: str) -> PostgresTarget:
    """Two months in a store that soon gives up."""
    made = PostgresTarget(url=postgres_url, swap_timeout_s=2)
    for month in (JANUARY, FEBRUARY):
        made.replace("trips", month, rows())
    return made


@pytest.mark.parametrize(
    "held",
    [
        LOCK.format("SHARE UPDATE EXCLUSIVE"),  # VACUUM, ANALYZE, CREATE INDEX CONCURRENTLY
        LOCK.format("SHARE"),  # CREATE INDEX
        "SELECT count(*) FROM taxi.trips_2024_01_01",
    ],
)
def test_work_on_another_month_does_not_delay_a_swap(target: PostgresTarget, held: str) -> None:
    with target.connect() as other:
        other.autocommit = False
        other.execute(held.encode())
        assert target.replace("trips", FEBRUARY, rows(5)).seconds["swap"] < 2
        assert target.replace("trips", date(2024, 3, 1), rows(1)).seconds["swap"] < 2
        other.rollback()
    assert [held.rows for held in target.partitions("trips").values()] == [3, 5, 1]


def test_a_count_of_all_months_does_not_delay_a_swap_of_another(
    target: PostgresTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, swaps = counts._number, [FEBRUARY]

    def slow(connection: Connection, query: sql.Composed) -> int:
        if swaps:  # in the middle of January
            target.replace("trips", swaps.pop(), rows(5))
        return number(connection, query)

    monkeypatch.setattr(counts, "_number", slow)
    assert [held.rows for held in target.partitions("trips").values()] == [3, 5]


@pytest.mark.parametrize("mode", ["SHARE UPDATE EXCLUSIVE", "SHARE", "ACCESS SHARE"])
def test_work_on_the_month_itself_is_waited_for_and_only_that_is_named(
    target: PostgresTarget, mode: str
) -> None:
    with target.connect() as vacuum, target.connect() as innocent:
        for connection, month in ((vacuum, "01"), (innocent, "02")):
            connection.autocommit = False
            connection.execute(f"LOCK TABLE taxi.trips_2024_{month}_01 IN {mode} MODE".encode())
        began = time.monotonic()
        with pytest.raises(
            psycopg.errors.LockNotAvailable, match=rf"pid {vacuum.info.backend_pid} "
        ) as error:
            target.replace("trips", JANUARY, rows(5))
        assert time.monotonic() - began < 10
        assert f"pid {innocent.info.backend_pid} " not in str(error.value)
        vacuum.rollback()
        assert target.replace("trips", JANUARY, rows(4)).replaced_rows == 3


def test_a_new_column_waits_for_every_month(target: PostgresTarget) -> None:
    wider = pa.table({"number": pa.array([1], pa.int32()), "fee": [0.5]})
    with target.connect() as other:
        other.autocommit = False
        other.execute(LOCK.format("SHARE").encode())
        with pytest.raises(psycopg.errors.LockNotAvailable, match=rf"pid {other.info.backend_pid} "):
            target.replace("trips", FEBRUARY, wider.to_reader())
        other.rollback()
    assert target.replace("trips", FEBRUARY, wider.to_reader()).rows == 1


@pytest.mark.slow
def test_an_autovacuum_of_the_month_is_cancelled(target: PostgresTarget) -> None:
    target.replace("trips", JANUARY, rows(100_000))
    target.query("ALTER SYSTEM SET autovacuum_naptime = '1s'")
    target.query("SELECT pg_reload_conf()")
    # 0.1 s for each page: half a minute for these rows, if nobody cancels it.
    target.query(
        "ALTER TABLE taxi.trips_2024_01_01 SET (autovacuum_vacuum_threshold = 0, "
        "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 100, "
        "autovacuum_vacuum_cost_limit = 1); DELETE FROM taxi.trips_2024_01_01 WHERE number % 2 = 0"
    )
    try:
        deadline = time.monotonic() + 60
        while not target.query(AUTOVACUUM):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert target.replace("trips", JANUARY, rows(7)).replaced_rows == 50_000
    finally:
        target.query("ALTER SYSTEM RESET autovacuum_naptime")
        target.query("SELECT pg_reload_conf()")
