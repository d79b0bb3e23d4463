"""What only Postgres can suffer: its backend terminated, and a disk without room for its log."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from taxi_assets.targets.embedded_postgres import EmbeddedPostgres
from taxi_assets.targets.postgres import PostgresTarget
from taxi_assets.targets.postgres.swap import swap
from taxi_assets_tests.contract.disks import small_disk
from taxi_assets_tests.contract.rows import JANUARY, TABLE, bag, held, put, trips
from taxi_assets_tests.contract.targets import left_over

OLD, NEW = trips(500, 1), trips(40_000, 2)


def test_a_backend_terminated_in_mid_copy_leaves_the_old_month(postgres_url: str) -> None:
    target = PostgresTarget(url=postgres_url, batch_rows=1000)
    put(target, OLD)
    with pytest.raises(psycopg.OperationalError, match="terminat"):
        target.replace(TABLE, JANUARY, _interrupted(NEW, lambda: _terminate(target)))
    assert held(target) == bag(OLD)
    assert left_over(target, TABLE) == [], "the transaction that made the staging table was not ended"
    put(target, NEW)
    assert held(target) == bag(NEW)


def test_a_backend_terminated_before_the_swap_leaves_the_old_month(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = PostgresTarget(url=postgres_url)
    put(target, OLD)

    def terminated(connection: psycopg.Connection, *arguments: object) -> None:
        _terminate(target)
        swap(connection, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr("taxi_assets.targets.postgres.target.swap", terminated)
        with pytest.raises(psycopg.OperationalError, match="terminat"):
            put(target, NEW)
    assert held(target) == bag(OLD)
    assert len(left_over(target, TABLE)) == 1, "the staging table was full and nobody could drop it"
    put(target, NEW)
    assert held(target) == bag(NEW)
    assert left_over(target, TABLE) == []


def test_a_server_that_died_of_a_full_disk_comes_back_with_the_old_month(tmp_path: Path) -> None:
    """It can do without room for rows, but not for its log: then it stops at once, rather than lie."""
    with small_disk(tmp_path / "disk") as disk, ExitStack() as stack:
        server = EmbeddedPostgres(disk.directory / "postgres")
        target = PostgresTarget(url=server.start())
        stack.callback(server.stop)
        put(target, OLD)
        disk.fill(0)
        target.query("SELECT pg_switch_wal()")
        with pytest.raises(psycopg.OperationalError):
            put(target, NEW)
        assert "No space left on device" in server.log.read_text()
        disk.relieve()
        assert server.start() == target.url
        assert held(target) == bag(OLD)
        put(target, NEW)
        assert held(target) == bag(NEW)
        assert left_over(target, TABLE) == []


def _terminate(target: PostgresTarget) -> None:
    """End the other backends of the database, as an administrator would, and wait until they are gone."""
    ended = target.query(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    assert ended == [(True,)]


def _interrupted(rows: pa.Table, act: Callable[[], None]) -> pa.RecordBatchReader:
    def batches() -> Iterator[pa.RecordBatch]:
        for number, batch in enumerate(rows.to_batches(max_chunksize=1000)):
            if number == 30:
                act()
            yield batch

    return pa.RecordBatchReader.from_batches(rows.schema, batches())
