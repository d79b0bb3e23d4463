"""Reading picks columns, partitions and rows in the store, and says what there is when something isn't."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from taxi_assets.targets.target import Condition, Target, TargetError
from taxi_assets_tests.contract.rows import FEBRUARY, JANUARY, MARCH, TABLE, put, trips
from taxi_assets_tests.contract.targets import TARGETS, Servers

Row = dict[str, Any]
NEW_YEAR = datetime(2024, 1, 1)  # noqa: DTZ001

CONDITIONS: list[tuple[Condition, Callable[[Row], bool]]] = [
    (("passenger_count", "=", 2), lambda row: row["passenger_count"] == 2),
    (("passenger_count", "!=", 2), lambda row: row["passenger_count"] not in {None, 2}),
    (("fare_amount", "<", 12.5), lambda row: row["fare_amount"] < 12.5),
    (("fare_amount", "<=", 0), lambda row: row["fare_amount"] <= 0),
    (("pickup_datetime", ">=", NEW_YEAR), lambda row: row["pickup_datetime"] >= NEW_YEAR),
    (("pickup_datetime", "<", NEW_YEAR), lambda row: row["pickup_datetime"] < NEW_YEAR),
    (("store_and_fwd_flag", "in", ["Y", "it's"]), lambda row: row["store_and_fwd_flag"] == "Y"),
    (("passenger_count", "in", [1, 3]), lambda row: row["passenger_count"] in {1, 3}),
    (("passenger_count", "is null", None), lambda row: row["passenger_count"] is None),
    (("passenger_count", "is not null", None), lambda row: row["passenger_count"] is not None),
    (("trip_month", ">", JANUARY), lambda row: row["trip_month"] > JANUARY),
]


@pytest.fixture
def filled(target: Target) -> Target:
    put(target, trips(200, 1))
    put(target, trips(100, 2, FEBRUARY), FEBRUARY)
    return target


def test_every_condition_picks_the_rows_that_plain_python_picks(filled: Target) -> None:
    everything = filled.read(TABLE).read_all().to_pylist()
    for condition, keeps in CONDITIONS:
        found = filled.read(TABLE, where=[condition]).read_all().to_pylist()
        wanted = [row for row in everything if keeps(row)]
        assert wanted, condition
        assert sorted(map(repr, found)) == sorted(map(repr, wanted)), condition


def test_conditions_hold_together_also_on_columns_that_are_not_read(filled: Target) -> None:
    where: list[Condition] = [("passenger_count", "=", 2), ("trip_month", "=", JANUARY)]
    found = filled.read(TABLE, [FEBRUARY, JANUARY], ["generation"], where).read_all()
    assert found.schema.names == ["generation"]
    assert set(found["generation"].to_pylist()) == {1}
    assert found.num_rows == len(filled.read(TABLE, [JANUARY], where=where[:1]).read_all())


def test_columns_come_in_the_order_asked_for(filled: Target) -> None:
    found = filled.read(TABLE, [JANUARY], ["trip_month", "fare_amount", "generation"]).read_all()
    assert found.schema.names == ["trip_month", "fare_amount", "generation"]
    assert found.num_rows == 200
    assert filled.read(TABLE, columns=["trip_month"]).read_all().num_rows == 300


def test_all_partitions_come_oldest_first(filled: Target) -> None:
    put(filled, trips(5, 0, JANUARY.replace(year=2023)), JANUARY.replace(year=2023))
    months = filled.read(TABLE, columns=["trip_month"]).read_all()["trip_month"].to_pylist()
    assert months == sorted(months)
    assert len(months) == 305


def test_what_is_not_there_is_said_with_what_is(filled: Target) -> None:
    with pytest.raises(TargetError, match="green_trips") as table:
        filled.read("red_trips").read_all()
    assert "red_trips" in str(table.value)
    with pytest.raises(TargetError, match=r"2024-03-01.*2024-02-01|2024-02-01.*2024-03-01"):
        filled.read(TABLE, [JANUARY, MARCH]).read_all()
    with pytest.raises(TargetError, match=r"fare_amout.*fare_amount"):
        filled.read(TABLE, columns=["fare_amout"]).read_all()
    with pytest.raises(TargetError, match=r"passengers.*passenger_count"):
        filled.read(TABLE, where=[("passengers", "=", 1)]).read_all()


def test_totals_of_what_is_not_there_are_zero(filled: Target) -> None:
    totals = filled.totals(TABLE, MARCH, ["fare_amount"])
    assert (totals.rows, totals.sums["fare_amount"]) == (0, Decimal(0))
    assert filled.totals("red_trips", JANUARY, ["fare_amount"]).rows == 0


def test_a_stream_that_is_dropped_half_read_hinders_nobody(filled: Target) -> None:
    stream = filled.read(TABLE)
    next(iter(stream))
    del stream
    put(filled, trips(20, 3))
    assert filled.partitions(TABLE)[JANUARY].rows == 20


def test_every_target_finds_the_same_totals(
    servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> None:
    values = [0.1, 0.2, -3.75, 1e9 + 0.01, float("nan"), float("inf"), None, 12.345678]
    rows = trips(len(values)).append_column("odd", pa.array(values))
    columns = ["fare_amount", "passenger_count", "odd"]
    found = {}
    for name, make in TARGETS.items():
        target = make(servers, tmp_path_factory.mktemp(name))
        put(target, rows)
        totals = target.totals(TABLE, JANUARY, columns)
        found[name] = (totals.rows, *(totals.sums[column] for column in columns))
    assert len(set(found.values())) == 1, found
    assert str(next(iter(found.values()))[3]) == "1000000008.905678"
