"""What is DuckDB's own: the file lock, the ledger, types, space."""

import re
import subprocess
import sys
import threading
import time
from datetime import date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from taxi_assets.targets.duckdb import DuckDBTarget
from taxi_assets.targets.target import TargetError

JANUARY, FEBRUARY = date(2024, 1, 1), date(2024, 2, 1)

_HOLDER = """
import duckdb, sys, time
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "warehouse.duckdb"


@pytest.fixture
def target(path: Path) -> DuckDBTarget:
    return DuckDBTarget(url=f"duckdb:///{path}", lock_timeout_s=10)


def numbers(count: int) -> pa.RecordBatchReader:
    return pa.table(
        {"n": pa.array(range(count)), "half": pa.array([n / 2 for n in range(count)])}
    ).to_reader()


def _hold(path: Path) -> "subprocess.Popen[str]":
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "open\n"
    return holder


def test_a_file_that_another_process_has_is_waited_for(target: DuckDBTarget, path: Path) -> None:
    target.replace("t", JANUARY, numbers(3))
    with _hold(path) as holder:
        threading.Timer(0.3, holder.kill).start()
        started = time.monotonic()
        report = target.replace("t", JANUARY, numbers(4))
    assert report.rows == 4
    assert report.seconds["wait"] >= 0.2
    assert time.monotonic() - started < 10


def test_a_file_that_stays_taken_is_refused_with_the_process_that_has_it(
    target: DuckDBTarget, path: Path
) -> None:
    target.replace("t", JANUARY, numbers(3))
    impatient = DuckDBTarget(url=target.url, lock_timeout_s=0.2)
    with _hold(path) as holder:
        with pytest.raises(TimeoutError, match=rf"0\.2 s.*process {holder.pid} ") as refusal:
            impatient.partitions("t")
        holder.kill()
    assert str(path) in str(refusal.value)


def test_the_file_is_free_between_operations(target: DuckDBTarget, path: Path) -> None:
    target.replace("t", JANUARY, numbers(200_000))
    target.partitions("t")
    half_read = target.read("t")
    next(iter(half_read))
    del half_read
    target.read("t", columns=["n"]).read_all()
    with _hold(path) as holder:  # would fail if this process had the file
        holder.kill()


def test_a_reader_sees_the_snapshot_that_it_began_with(target: DuckDBTarget) -> None:
    target.replace("t", JANUARY, numbers(150_000))
    target.replace("t", FEBRUARY, numbers(150_000))
    stream = target.read("t")
    first = stream.read_next_batch()
    target.replace("t", FEBRUARY, numbers(5))
    assert first.num_rows + sum(batch.num_rows for batch in stream) == 300_000
    assert target.read("t").read_all().num_rows == 150_005


def test_a_month_replaced_again_and_again_does_not_grow_the_file(target: DuckDBTarget, path: Path) -> None:
    target.replace("t", JANUARY, numbers(300_000))
    once = path.stat().st_size
    for _ in range(8):
        target.replace("t", JANUARY, numbers(300_000))
    # Old and new stand side by side until the commit, and a checkpoint may come one replace late.
    assert path.stat().st_size <= 3.5 * once


def test_more_arrow_types_come_back_as_they_were(target: DuckDBTarget) -> None:
    table = pa.table(
        {
            "i8": pa.array([-128, None], pa.int8()),
            "u8": pa.array([255, None], pa.uint8()),
            "u16": pa.array([65535, None], pa.uint16()),
            "u32": pa.array([2**32 - 1, None], pa.uint32()),
            "u64": pa.array([2**64 - 1, None], pa.uint64()),
            "ms": pa.array([datetime(2024, 1, 1), None], pa.timestamp("ms")),  # noqa: DTZ001
            "reasons": pa.array([["a", None], []], pa.list_(pa.string())),
        }
    )
    target.replace("t", JANUARY, table.to_reader())
    found = target.read("t").read_all().drop_columns(["trip_month"])
    assert found.to_pylist() == table.to_pylist()
    assert [str(kind) for kind in found.schema.types[:-1]] == [str(kind) for kind in table.schema.types[:-1]]


def test_descriptions_become_comments(target: DuckDBTarget, path: Path) -> None:
    field = pa.field("n", pa.int64(), metadata={"description": "It's a number; -- really"})
    schema = pa.schema([field], metadata={"description": "Numbers, and 'nothing' else"})
    target.replace("t", JANUARY, pa.table({"n": [1]}).cast(schema).to_reader())
    with duckdb.connect(path) as connection:
        of_table = connection.execute("SELECT comment FROM duckdb_tables() WHERE table_name = 't'").fetchall()
        of_column = connection.execute(
            "SELECT comment FROM duckdb_columns() WHERE table_name = 't' AND column_name = 'n'"
        ).fetchall()
    assert of_table == [("Numbers, and 'nothing' else",)]
    assert of_column == [("It's a number; -- really",)]


def test_rows_that_somebody_else_inserted_are_counted_without_facts(target: DuckDBTarget, path: Path) -> None:
    target.replace("t", JANUARY, numbers(3), {"version": "1"})
    with duckdb.connect(path) as connection:
        connection.execute("INSERT INTO t VALUES (1, 0.5, DATE '2024-02-01'), (2, 1, DATE '2024-01-01')")
    found = target.partitions("t")
    assert (found[JANUARY].rows, found[JANUARY].version) == (4, "1")
    assert (found[FEBRUARY].rows, dict(found[FEBRUARY].facts)) == (1, {})


def test_names_are_quoted_wherever_they_go(path: Path) -> None:
    target = DuckDBTarget(url=f"duckdb:///{path}", schema_name='odd "schema', partition_column="the month")
    table = pa.table({'a "b"; DROP TABLE x': [1, 2], "select": [None, 1.5]})
    target.replace('t "1"', JANUARY, table.to_reader())
    target.replace('t "1"', FEBRUARY, table.append_column("new 'column'", pa.array(["x", "y"])).to_reader())
    assert target.read('t "1"', [JANUARY]).read_all().schema.names[-1] == "the month"
    assert target.totals('t "1"', FEBRUARY, ["select"]).sums["select"] == 1.5
    with pytest.raises(TargetError, match=re.escape('odd "schema.u')):
        target.read("u")


@pytest.mark.parametrize("url", ["duckdb://x.duckdb", "duckdb:///", "postgresql:///x", "/x.duckdb"])
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="duckdb:////absolute"):
        DuckDBTarget(url=url).partitions("t")
