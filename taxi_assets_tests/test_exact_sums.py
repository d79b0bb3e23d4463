"""Doubles add up to what decimals add up to, value by value, whatever their size and order."""

import math
from decimal import ROUND_HALF_UP, Decimal

import duckdb
from hypothesis import example, given
from hypothesis import strategies as st

from taxi_assets.exact_sums import DECIMAL, added, two_sums

DATABASE = duckdb.connect()
EDGES = [0.0, -0.0, 1e11, -1e11, 99999999999.99998, 5e-7, -5e-7, 4.9999999999999994e-7, 2.675, 1e25]
VALUES = st.floats(-1e25, 1e25) | st.floats(-500, 500) | st.sampled_from([*EDGES, math.nan, math.inf, None])
ROWS = "FROM (SELECT unnest(?::DOUBLE[]) AS x)"


def found(values: list[float | None]) -> Decimal:
    query = f"SELECT {two_sums('x')} {ROWS}"
    return added(*DATABASE.execute(query, [values]).fetchall()[0])


@given(st.lists(VALUES, max_size=30))
@example([])
@example([None])
def test_the_sum_is_that_of_the_values_cast_to_decimals_one_by_one(values: list[float | None]) -> None:
    one_by_one = f"sum(CASE WHEN isfinite(x) THEN CAST(x AS {DECIMAL}) END)"
    (wanted,) = DATABASE.execute(f"SELECT {one_by_one} {ROWS}", [values]).fetchall()[0]
    assert found(values) == (wanted or 0)
    assert found(values[::-1]) == found(values)


@given(st.lists(st.decimals(-100_000, 100_000, places=2), max_size=50))
def test_dollars_and_cents_add_up_to_themselves(dollars: list[Decimal]) -> None:
    assert found([float(amount) for amount in dollars]) == sum(dollars, Decimal(0))


def test_halves_go_away_from_zero() -> None:
    halves = [0.0000005, 0.0000015, 3.0000005]
    up = [Decimal(repr(half)).quantize(Decimal("0.000001"), ROUND_HALF_UP) for half in halves]
    assert [found([half]) for half in halves] == up
    assert [found([-half]) for half in halves] == [-each for each in up]
