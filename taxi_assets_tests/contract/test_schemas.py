"""Columns come and go over the months; their types stay."""

import pyarrow as pa
import pytest

from taxi_assets.targets.target import Target, TargetError
from taxi_assets_tests.contract.rows import FEBRUARY, JANUARY, MARCH, TABLE, bag, held, put, trips
from taxi_assets_tests.contract.targets import left_over


def test_a_new_column_is_null_in_the_months_before(target: Target) -> None:
    old, new = trips(10), trips(5, 1, FEBRUARY).append_column("cbd_fee", pa.array([0.75] * 5))
    put(target, old)
    put(target, new, FEBRUARY)
    assert target.read(TABLE, [JANUARY]).read_all()["cbd_fee"].to_pylist() == [None] * 10
    assert target.read(TABLE, [FEBRUARY], ["cbd_fee"]).read_all()["cbd_fee"].to_pylist() == [0.75] * 5
    assert target.read(TABLE).schema.names[-1] == "trip_month"


def test_a_column_that_a_month_lacks_is_null_in_it(target: Target) -> None:
    old, new = trips(10), trips(5, 1, FEBRUARY).drop_columns(["fare_amount"])
    put(target, old)
    put(target, new, FEBRUARY)
    assert target.read(TABLE, [FEBRUARY]).read_all()["fare_amount"].to_pylist() == [None] * 5
    assert held(target, JANUARY) == bag(old)


def test_an_older_month_may_lack_a_column_and_have_its_order_changed(target: Target) -> None:
    names = trips(1).schema.names
    put(target, trips(4, 1, MARCH).select(names[::-1]), MARCH)
    put(target, trips(6).drop_columns(["passenger_count"]))
    assert held(target, MARCH) == bag(trips(4, 1, MARCH))
    assert target.read(TABLE, [JANUARY]).read_all()["passenger_count"].null_count == 6


def test_a_change_of_type_is_refused_with_both_types_and_changes_nothing(target: Target) -> None:
    january, february = trips(10), trips(5, 1, FEBRUARY)
    put(target, january)
    put(target, february, FEBRUARY)
    position = february.schema.get_field_index("passenger_count")
    texts = february.set_column(position, "passenger_count", february["passenger_count"].cast(pa.string()))
    with pytest.raises(TargetError, match="passenger_count") as refusal:
        put(target, texts, FEBRUARY)
    assert "string" in str(refusal.value) or "text" in str(refusal.value)
    assert "int64" in str(refusal.value) or "bigint" in str(refusal.value)
    assert held(target, JANUARY) == bag(january)
    assert held(target, FEBRUARY) == bag(february)
    assert left_over(target, TABLE) == []


def test_the_partition_column_in_the_stream_is_refused(target: Target) -> None:
    with pytest.raises(TargetError, match="trip_month"):
        put(target, trips(3).append_column("trip_month", pa.array([JANUARY] * 3)))
    assert target.partitions(TABLE) == {}


def test_a_description_does_no_harm_and_values_are_unchanged_by_it(target: Target) -> None:
    rows = trips(5)
    said = [
        field.with_metadata({"description": f'It\'s {field.name}; -- "quoted" % $1'}) for field in rows.schema
    ]
    put(target, rows.cast(pa.schema(said, metadata={"description": "One row is one trip; it's 100 %"})))
    assert held(target) == bag(rows)
