"""A DuckDB file that people use too: rows, views, columns, constraints that no load has made."""

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from taxi_assets.targets.duckdb import DuckDBTarget
from taxi_assets.targets.duckdb_sql import Table
from taxi_assets.targets.target import TargetError

JANUARY, FEBRUARY, MARCH = date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "warehouse.duckdb"


@pytest.fixture
def target(path: Path) -> DuckDBTarget:
    return DuckDBTarget(url=f"duckdb:///{path}")


def rows(count: int, **more: Any) -> pa.RecordBatchReader:
    return pa.table({"n": pa.array(range(count), pa.int64()), **more}).to_reader()


def by_hand(path: Path, *statements: str) -> None:
    with duckdb.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_row_without_a_month_can_not_be_inserted(target: DuckDBTarget, path: Path) -> None:
    target.replace("t", JANUARY, rows(3))
    with pytest.raises(duckdb.ConstraintException, match="trip_month"):
        by_hand(path, "INSERT INTO t (n) VALUES (1)")


def test_a_row_without_a_month_of_an_older_table_is_left_alone_and_stops_no_load(
    target: DuckDBTarget, path: Path
) -> None:
    by_hand(path, "CREATE TABLE t (n BIGINT, trip_month DATE)", "INSERT INTO t VALUES (7, NULL)")
    for count in (3, 4):
        report = target.replace("t", JANUARY, rows(count), {"version": str(count)})
    assert report.replaced_rows == 3
    assert {month: held.rows for month, held in target.partitions("t").items()} == {JANUARY: 4}
    assert target.read("t").read_all()["trip_month"].to_pylist() == [JANUARY] * 4
    with pytest.raises(TargetError, match="t has partitions; write None to a table of another name"):
        target.replace("t", None, rows(1))
    with duckdb.connect(path) as connection:
        assert connection.execute("SELECT n FROM t WHERE trip_month IS NULL").fetchall() == [(7,)]


def test_a_table_without_months_takes_none(target: DuckDBTarget) -> None:
    target.replace("t", None, rows(3))
    with pytest.raises(TargetError, match="no partitions: no column trip_month"):
        target.replace("t", JANUARY, rows(3))
    assert target.partitions("t")[None].rows == 3


def test_an_empty_table_that_somebody_made_gets_the_streams_columns(target: DuckDBTarget, path: Path) -> None:
    by_hand(path, "CREATE TABLE t (something VARCHAR)")
    target.replace("t", JANUARY, rows(2))
    assert target.read("t").schema.names == ["n", "trip_month"]


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (["CREATE VIEW t AS SELECT 1 AS n"], "View"),
        (["CREATE TABLE T (n BIGINT, trip_month DATE)"], "Table with name"),
        (
            [
                "CREATE TABLE t (n BIGINT CHECK (n > 5), trip_month DATE)",
                "INSERT INTO t VALUES (6, '2024-02-01')",
            ],
            "CHECK",
        ),
    ],
)
def test_what_is_in_the_way_is_told_in_words_and_not_tried_again(
    target: DuckDBTarget, path: Path, statements: list[str], message: str
) -> None:
    by_hand(path, *statements)
    with pytest.raises(TargetError, match=rf"(?s)t: something in main is in the way.*{message}"):
        target.replace("t", JANUARY, rows(3))
    assert JANUARY not in target.partitions("t")


def test_columns_that_differ_in_case_are_refused_before_anything_is_stored(target: DuckDBTarget) -> None:
    with pytest.raises(TargetError, match=r"more than one column X, x \(upper and lower"):
        target.replace("t", JANUARY, rows(2, X=[1, 2], x=[3, 4]))
    with pytest.raises(TargetError, match="leave trip_month out"):
        target.replace("t", JANUARY, rows(2, Trip_Month=[1, 2]))
    assert target.partitions("t") == {}


def test_a_column_in_another_case_than_the_tables_is_refused(target: DuckDBTarget) -> None:
    target.replace("t", JANUARY, rows(2, x=[1, 2]))
    with pytest.raises(TargetError, match="column X is x in the table"):
        target.replace("t", FEBRUARY, rows(2, X=[1, 2]))
    target.replace("t", JANUARY, rows(2, X=[1, 2]))  # nothing else is in it
    assert target.read("t").schema.names == ["n", "X", "trip_month"]


def test_the_streams_own_error_comes_out_as_it_went_in(target: DuckDBTarget) -> None:
    def broken() -> Any:
        yield pa.record_batch({"n": [1]})
        raise duckdb.CatalogException("of the producer")

    stream = pa.RecordBatchReader.from_batches(pa.schema([("n", pa.int64())]), broken())
    with pytest.raises(duckdb.CatalogException, match="of the producer"):
        target.replace("t", JANUARY, stream)


def test_a_table_that_somebody_dropped_has_no_months_left(target: DuckDBTarget, path: Path) -> None:
    for month in (JANUARY, FEBRUARY):
        target.replace("t", month, rows(0), {"version": "1"})
    by_hand(path, "DROP TABLE t")
    target.replace("t", JANUARY, rows(3))
    assert list(target.partitions("t")) == [JANUARY]


def test_one_month_is_replaced_and_read_without_counting_the_others(
    target: DuckDBTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    for month in (JANUARY, FEBRUARY):
        target.replace("t", month, rows(3))

    def counted(_: Table) -> None:
        raise AssertionError("counted the whole table")

    monkeypatch.setattr(Table, "partitions", counted)
    assert target.replace("t", MARCH, rows(4)).replaced_rows is None
    assert target.replace("t", JANUARY, rows(5)).replaced_rows == 3
    assert target.read("t", [FEBRUARY, JANUARY]).read_all().num_rows == 8
    assert target.totals("t", MARCH, ["n"]).rows == 4


def test_a_type_that_does_not_fit_is_refused_naming_another_month(target: DuckDBTarget, path: Path) -> None:
    target.replace("t", JANUARY, rows(3))
    by_hand(path, "DELETE FROM _partitions")  # rows alone tell
    with pytest.raises(TargetError, match=f"n is string in {FEBRUARY}, but int64 in {JANUARY}"):
        target.replace("t", FEBRUARY, pa.table({"n": ["a"]}).to_reader())
