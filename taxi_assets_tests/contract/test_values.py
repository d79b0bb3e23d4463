"""What goes in comes out: every type, every value, every size."""

import math
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taxi_assets.targets.target import Target
from taxi_assets_tests.contract.rows import JANUARY, TABLE, bag, held, put, trips
from taxi_assets_tests.contract.targets import DAY

# Postgres has no NUL in text and no lone surrogate; nor has anything that the TLC publishes.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
MOMENTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999))  # noqa: DTZ001


_numbers = count()  # a table of its own for each example: the next one has other columns


def _integers(bits: int) -> st.SearchStrategy[int]:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return st.one_of(st.sampled_from([low, high, 0]), st.integers(low, high))


VALUES: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.bool_(): st.booleans(),
    pa.int16(): _integers(16),
    pa.int32(): _integers(32),
    pa.int64(): _integers(64),
    pa.float32(): st.one_of(st.floats(width=32), st.sampled_from([math.nan, math.inf, -math.inf, -0.0])),
    pa.float64(): st.one_of(st.floats(), st.sampled_from([math.nan, math.inf, -math.inf, 5e-324, -0.0])),
    pa.string(): TEXT,
    pa.binary(): st.binary(max_size=20),
    pa.date32(): st.one_of(st.dates(), st.sampled_from([date.min, date.max])),
    pa.timestamp("us"): MOMENTS,
    pa.decimal128(18, 6): st.decimals(-(10**11), 10**11, places=6),
}


@st.composite
def _tables(draw: st.DrawFn) -> pa.Table:
    kinds = draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=6))
    rows = draw(st.integers(0, 8))
    columns = {
        f"Column {number}": pa.array(
            draw(st.lists(st.none() | VALUES[kind], min_size=rows, max_size=rows)), kind
        )
        for number, kind in enumerate(kinds)
    }
    days = draw(st.lists(st.none() | MOMENTS, min_size=rows, max_size=rows))
    return pa.table({**columns, DAY: pa.array(days, pa.timestamp("us"))})


@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(table=_tables())
def test_what_is_written_is_read_in_every_type_and_value(target: Target, table: pa.Table) -> None:
    name = f"values_{next(_numbers)}"
    put(target, table, JANUARY, name)
    found = target.read(name, [JANUARY]).read_all()
    assert found.schema.names == [*table.schema.names, "trip_month"]
    assert [field.type for field in found.schema][:-1] == table.schema.types
    assert held(target, JANUARY, name) == bag(table)
    assert target.partitions(name)[JANUARY].rows == table.num_rows


def test_a_column_of_nulls_comes_back_as_nulls_of_its_type(target: Target) -> None:
    columns = {f"empty_{number}": pa.nulls(3, kind) for number, kind in enumerate(VALUES)}
    put(target, pa.table({**columns, DAY: pa.array([None] * 3, pa.timestamp("us"))}))
    found = target.read(TABLE, columns=list(columns)).read_all()
    assert found.schema.types == list(VALUES)
    assert all(column.null_count == 3 for column in found.columns)


def test_large_strings_and_dictionaries_come_back_as_plain_strings(target: Target) -> None:
    flags = pa.array(["Y", None, "N"])
    moments = pa.array([None] * 3, pa.timestamp("us"))
    put(target, pa.table({"a": flags.cast(pa.large_string()), "b": flags.dictionary_encode(), DAY: moments}))
    found = target.read(TABLE, columns=["a", "b"]).read_all()
    assert found.schema.types == [pa.string(), pa.string()]
    assert found["a"].to_pylist() == found["b"].to_pylist() == ["Y", None, "N"]


def test_a_hundred_thousand_rows_come_back(target: Target) -> None:
    rows = trips(100_000)
    report = target.replace(TABLE, JANUARY, rows.to_reader(max_chunksize=30_000))
    assert report.rows == 100_000
    batches = list(target.read(TABLE))
    assert sum(batch.num_rows for batch in batches) == 100_000
    assert max(batch.num_rows for batch in batches) < 100_000
    totals = target.totals(TABLE, JANUARY, ["fare_amount", "passenger_count"])
    assert totals.rows == 100_000
    exact = sum((Decimal(repr(fare)) for fare in rows["fare_amount"].to_pylist()), Decimal(0))
    assert totals.sums["fare_amount"] == exact
    assert totals.sums["passenger_count"] == sum(n or 0 for n in rows["passenger_count"].to_pylist())
