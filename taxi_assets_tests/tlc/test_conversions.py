"""Text and money: what is written exactly is taken exactly, anything else is a misfit and not a guess."""

import math
from collections.abc import Iterator
from datetime import datetime

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taxi_assets.tlc.conversions import convert
from taxi_assets.tlc.schema import columns

COLUMNS = {column.name: column for column in columns("yellow")}
MISFIT = "misfit"


class Converter:
    """Canonical values of published ones; no bare connection, as Hypothesis keeps its arguments for ever."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()

    def __call__(self, name: str, value: object, kind: pa.DataType | None = None) -> object:
        """The canonical value of a published one, text if nothing else is said; or ``MISFIT``."""
        sql = convert(COLUMNS[name], pa.field("x", kind or pa.string())).sql
        try:
            return self.connection.execute(f"SELECT {sql} FROM (SELECT $1 AS x)", [value]).fetchall()[0][0]
        except duckdb.InvalidInputException as error:
            if str(error).endswith(MISFIT):
                return MISFIT
            raise

    def close(self) -> None:
        self.connection.close()
        del self.connection


@pytest.fixture(scope="module")
def converted() -> Iterator[Converter]:
    converter = Converter()
    yield converter
    converter.close()


@pytest.mark.parametrize(
    "text",
    [
        *("2009-01-04 02:52:00+05:00", "2009-01-04 02:52:00Z", "2009-01-04 02:52:00 America/New_York"),
        *("2009-01-04 02:52:00 UTC", "2009-01-04 02:52+05", "2009-01-04 02:52:00.1234567"),
        *("2009-01-04", "2009-1-4 2:52:00", "2009/01/04 02:52:00", "01/04/2009 02:52", "2009-02-30 00:00:00"),
        *("2009-01-04 24:00:00", "2009-01-04 (BC) 00:00:00", "0000-01-01 00:00:00", "9999-12-31 00:00:00"),
        *("infinity", "epoch", "yesterday"),
    ],
)
def test_a_time_that_would_lose_something_or_is_none_is_a_misfit(converted: Converter, text: str) -> None:
    assert converted("pickup_at", text) == MISFIT


@pytest.mark.parametrize("name", ["passenger_count", "trip_distance", "fare_amount"])
@pytest.mark.parametrize(
    "text",
    ["1_000", "+-5", "0x10", "1,000", "$5", "inf", "-Infinity", "nan", "1e400", "\t5", "5\n", "e5", ".", "-"],
)
def test_what_only_a_generous_cast_calls_a_number_is_a_misfit(
    converted: Converter, name: str, text: str
) -> None:
    assert converted(name, text) == MISFIT


@pytest.mark.parametrize("text", ["7.5", "1e0", "2147483648", "1" * 400, "7.00000000000000001"])
def test_text_that_is_not_quite_a_whole_number_is_a_misfit(converted: Converter, text: str) -> None:
    assert converted("passenger_count", text) == MISFIT


@pytest.mark.parametrize("name", ["pickup_at", "passenger_count", "trip_distance", "fare_amount"])
@pytest.mark.parametrize("text", [None, "", "  "])
def test_empty_text_is_null(converted: Converter, name: str, text: str | None) -> None:
    assert converted(name, text) is None


@given(
    time=st.datetimes(datetime.fromisoformat("0001-01-01"), datetime.fromisoformat("9999-12-30")),
    separator=st.sampled_from(" T"),
    spaces=st.sampled_from(["", " "]),
)
def test_a_time_as_iso_writes_it_is_taken_exactly(
    converted: Converter, time: datetime, separator: str, spaces: str
) -> None:
    assert converted("pickup_at", spaces + time.isoformat(separator)) == time


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_as_python_writes_it_is_taken_exactly(converted: Converter, number: float) -> None:
    assert converted("trip_distance", repr(number)) == number


@given(number=st.integers(1 - 2**31, 2**31 - 1), tail=st.sampled_from(["", ".", ".0", ".00"]))
def test_a_whole_number_is_taken_with_or_without_its_zeros(
    converted: Converter, number: int, tail: str
) -> None:
    assert converted("passenger_count", f"{number}{tail}") == number


@settings(max_examples=300)
@given(text=st.text("0123456789+-.eE_ xinfa", min_size=1, max_size=8))
def test_no_text_becomes_a_number_that_python_reads_otherwise(converted: Converter, text: str) -> None:
    for name in ("trip_distance", "fare_amount", "passenger_count"):
        found = converted(name, text)
        if found != MISFIT and text.strip():
            assert "_" not in text
            assert found == float(text)
            assert math.isfinite(float(text))


@settings(max_examples=300)
@given(place=st.integers(0, 26), text=st.text("0123456789+-.: TZB", min_size=0, max_size=3))
def test_no_text_becomes_a_time_that_python_reads_otherwise(
    converted: Converter, place: int, text: str
) -> None:
    whole = "2009-01-04 02:52:00.123456"
    found = converted("pickup_at", written := whole[:place] + text + whole[place + len(text) :])
    if found != MISFIT:
        assert found == datetime.fromisoformat(written.strip())


@pytest.mark.parametrize("amount", [1e15, -1e15, 0.01, float("inf"), float("-inf")])
def test_an_amount_that_has_a_sum_or_none_at_all_conforms(converted: Converter, amount: float) -> None:
    assert converted("fare_amount", amount, pa.float64()) == amount


def test_an_amount_that_is_no_number_conforms(converted: Converter) -> None:
    found = converted("fare_amount", math.nan, pa.float64())
    assert isinstance(found, float)
    assert math.isnan(found)


@pytest.mark.parametrize(
    ("amount", "kind"),
    [
        *((1e300, pa.float64()), (-1e300, pa.float64()), (1.0000000000000001e15 + 1, pa.float64())),
        *((10**15 + 1, pa.int64()), ("1e300", pa.string()), ("-1000000000000001", pa.string())),
    ],
)
def test_an_amount_too_large_for_an_exact_sum_is_a_misfit(
    converted: Converter, amount: object, kind: pa.DataType
) -> None:
    assert converted("fare_amount", amount, kind) == MISFIT


def test_only_money_has_a_largest_amount(converted: Converter) -> None:
    assert converted("trip_distance", 1e300, pa.float64()) == 1e300


@pytest.mark.parametrize(
    ("field", "empty"),
    [(None, True), (pa.field("NULL", pa.null()), True), (pa.field("NULL", pa.float64()), False)],
)
def test_a_column_without_values_says_so_whatever_its_name(field: pa.Field | None, empty: bool) -> None:
    assert convert(COLUMNS["trip_distance"], field).all_null is empty
