"""A store that answers SQL answers one SELECT, over its tables, and lets nothing be changed by it."""

from decimal import Decimal

import pyarrow as pa
import pytest

from taxi_assets.targets.selecting import Selects
from taxi_assets.targets.target import Target, TargetError
from taxi_assets_tests.contract.rows import FEBRUARY, TABLE, held, put, trips

pytestmark = pytest.mark.needs("SELECT")


@pytest.fixture
def selects(target: Target) -> Selects:
    put(target, trips(200, 1))
    put(target, trips(100, 2, FEBRUARY), FEBRUARY)
    assert isinstance(target, Selects)
    return target


def test_rows_are_grouped_joined_and_sorted_by_the_store(selects: Selects) -> None:
    name = selects.sql_name(TABLE)
    sql = (
        f"WITH months AS (SELECT trip_month, COUNT(*) AS trips FROM {name} GROUP BY trip_month)"
        " SELECT months.trips AS trips, months.trip_month AS trip_month, 'it''s' AS text, NULL AS nothing,"
        f" (SELECT CAST(SUM(generation) AS NUMERIC) FROM {name}) AS generations"
        " FROM months ORDER BY trips"
    )
    if selects.dialect == "bigquery":
        sql = sql.replace("'it''s'", '"it\'s"')
    found = selects.select(sql).read_all()
    assert found.schema.names == ["trips", "trip_month", "text", "nothing", "generations"]
    assert found["trips"].to_pylist() == [100, 200]
    assert found["trip_month"].to_pylist() == [FEBRUARY, FEBRUARY.replace(month=1)]
    assert found.schema.field("trip_month").type == pa.date32()
    assert set(found["text"].to_pylist()) == {"it's"}
    assert set(found["generations"].to_pylist()) == {Decimal(400)}


def test_no_rows_are_a_stream_with_columns(selects: Selects) -> None:
    found = selects.select(
        f"SELECT generation FROM {selects.sql_name(TABLE)} WHERE generation = 7"
    ).read_all()
    assert (found.schema.names, found.num_rows) == (["generation"], 0)


def test_what_is_no_select_is_refused_and_changes_nothing(target: Target, selects: Selects) -> None:
    name, before = selects.sql_name(TABLE), held(target)
    statements = [f"DELETE FROM {name} WHERE TRUE", f"SELECT 1; DROP TABLE {name}"]
    if selects.dialect == "duckdb":  # BigQuery's grammar has no such thing; its emulator doesn't mind
        statements.append(f"WITH one AS (SELECT 1 AS n) INSERT INTO {name} (generation) SELECT n FROM one")
    for sql in statements:
        with pytest.raises(TargetError):
            selects.select(sql).read_all()
    assert held(target) == before


def test_a_table_or_column_that_is_not_there_is_said(selects: Selects) -> None:
    for sql, word in (
        (f"SELECT * FROM {selects.sql_name('red_trips')}", "red_trips"),
        (f"SELECT fare_amout FROM {selects.sql_name(TABLE)}", "fare_amout"),
    ):
        with pytest.raises(TargetError, match=word):
            selects.select(sql).read_all()
