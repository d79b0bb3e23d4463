"""Refund pairs: of k refunds and m equal charges min(k, m) charges go, wherever they stand in the file."""

import random
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taxi_assets_tests.tlc.published import GREEN_MONTH, NOON, green_file, parted

Row = dict[str, object]


def rejected(folder: Path, rows: list[Row]) -> pa.Table:
    path = green_file(folder / "month.parquet", rows)
    return parted(path, "green", GREEN_MONTH, folder)[1]


def by_reason(table: pa.Table) -> Counter[str]:
    return Counter(reason for reasons in table["reasons"].to_pylist() for reason in reasons)


amounts = st.sampled_from([0.0, 3.0, 0.1, 0.30000000000000004, 52.8, 1e-7])
signs = st.sampled_from([1.0, -1.0])
trips = st.fixed_dictionaries(
    {
        "VendorID": st.sampled_from([1, 2, None]),
        "PULocationID": st.sampled_from([7, 8]),
        "lpep_dropoff_datetime": st.sampled_from([NOON, NOON + timedelta(microseconds=1), None]),
        "trip_distance": st.sampled_from([0.0, 1.1]),
    }
)
charges = st.tuples(trips, amounts, amounts, signs).map(
    lambda drawn: drawn[0] | {"fare_amount": drawn[1] * drawn[3], "total_amount": drawn[2] * drawn[3]}
)
KEY = ("VendorID", "PULocationID", "lpep_dropoff_datetime", "trip_distance")


def expected_refunds(rows: list[Row]) -> int:
    """By counting, in Python: what a row is known by, with the sign of its amounts taken off."""
    refunds: Counter[tuple[object, ...]] = Counter()
    paid: Counter[tuple[object, ...]] = Counter()
    for row in rows:
        known = tuple(row[name] for name in KEY)
        fare, total = float(str(row["fare_amount"])), float(str(row["total_amount"]))
        if None in known:
            continue
        if fare < 0 or total < 0:
            refunds[(*known, -fare, -total)] += 1
        else:
            paid[(*known, fare, total)] += 1
    return sum((refunds & paid).values())


@settings(max_examples=20, deadline=None)
@given(rows=st.lists(charges, min_size=1, max_size=6), copies=st.integers(1, 4), seed=st.integers(0, 99))
def test_as_many_charges_go_as_have_a_refund_whatever_the_order(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], copies: int, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("refunds")
    rows = [row for number, row in enumerate(rows) for _ in range(1 + number % copies)]
    shuffled = random.Random(seed).sample(rows, len(rows))
    for order in (rows, shuffled):
        found = by_reason(rejected(folder, order))
        assert found["refunded"] == expected_refunds(rows)
        assert found["negative_amount"] == sum(is_negative(row) for row in rows)


def is_negative(row: Mapping[str, object]) -> bool:
    return any(Decimal(str(row[name])) < 0 for name in ("fare_amount", "total_amount"))


@settings(max_examples=15, deadline=None)
@given(refunds=st.integers(0, 4), equal=st.integers(0, 4), seed=st.integers(0, 99))
def test_k_refunds_and_m_equal_charges_make_the_smaller_number_of_pairs(
    tmp_path_factory: pytest.TempPathFactory, refunds: int, equal: int, seed: int
) -> None:
    back: Row = {"fare_amount": -10.0, "total_amount": -12.5}
    rows: list[Row] = [{"fare_amount": 11.0}, *[dict(back)] * refunds, *[{}] * equal]
    random.Random(seed).shuffle(rows)
    found = by_reason(rejected(tmp_path_factory.mktemp("refunds"), rows))
    assert (found["refunded"], found["negative_amount"]) == (min(refunds, equal), refunds)


REFUND: Row = {"fare_amount": -10.0, "total_amount": -12.5}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VendorID", 1),
        ("lpep_pickup_datetime", NOON - timedelta(microseconds=1)),
        ("lpep_dropoff_datetime", NOON),
        ("PULocationID", 1),
        ("DOLocationID", 1),
        ("trip_distance", 1.5000000000000002),
        ("fare_amount", -10.000000000000002),
        ("total_amount", -12.51),
    ],
)
def test_a_refund_that_differs_in_one_value_takes_no_charge_with_it(
    tmp_path: Path, name: str, value: object
) -> None:
    assert by_reason(rejected(tmp_path, [{}, {**REFUND, name: value}])) == {"negative_amount": 1}


@pytest.mark.parametrize(
    "name",
    [
        *("VendorID", "lpep_pickup_datetime", "lpep_dropoff_datetime", "PULocationID", "DOLocationID"),
        *("trip_distance", "total_amount"),
    ],
)
def test_a_null_equals_nothing_not_even_another_null(tmp_path: Path, name: str) -> None:
    """Two records that lack what a trip is known by may be of two trips; the charge is kept."""
    for charge, refund in (({name: None}, {**REFUND, name: None}), ({}, {**REFUND, name: None})):
        assert by_reason(rejected(tmp_path, [dict(charge), refund])) == {"negative_amount": 1}


@pytest.mark.parametrize("name", ["trip_distance", "PULocationID"])
def test_a_column_that_the_file_leaves_empty_is_none_that_a_trip_is_known_by(
    tmp_path: Path, name: str
) -> None:
    path = green_file(tmp_path / "month.parquet", [{}, REFUND])
    table = pq.read_table(path)
    pq.write_table(table.set_column(table.schema.get_field_index(name), name, pa.nulls(2)), path)
    assert by_reason(parted(path, "green", GREEN_MONTH, tmp_path)[1]) == {"negative_amount": 1, "refunded": 1}


def test_without_totals_or_anything_to_know_a_trip_by_no_twin_is_looked_for(tmp_path: Path) -> None:
    known = {"VendorID", "lpep_pickup_datetime", "lpep_dropoff_datetime", "trip_distance"}
    known |= {"PULocationID", "DOLocationID"}
    path = green_file(tmp_path / "month.parquet", [{}, REFUND])
    whole = pq.read_table(path)
    for empty in ({"total_amount"}, {"fare_amount"}, known):
        columns = [pa.nulls(2) if name in empty else whole[name] for name in whole.column_names]
        pq.write_table(pa.table(columns, whole.column_names), path)
        assert by_reason(parted(path, "green", GREEN_MONTH, tmp_path)[1]) == {"negative_amount": 1}


def test_what_is_not_part_of_the_trip_may_differ(tmp_path: Path) -> None:
    rows: list[Row] = [{"passenger_count": 2, "payment_type": 2}, {**REFUND, "payment_type": 3}]
    assert by_reason(rejected(tmp_path, rows)) == {"negative_amount": 1, "refunded": 1}


def test_a_charge_of_nothing_is_no_twin_of_another_charge_of_nothing(tmp_path: Path) -> None:
    nothing: Row = {"fare_amount": 0.0, "total_amount": 0.0}
    assert len(rejected(tmp_path, [nothing, {"fare_amount": -0.0, "total_amount": -0.0}])) == 0


def test_the_two_zeros_are_one_amount(tmp_path: Path) -> None:
    charge: Row = {"fare_amount": 5.0, "total_amount": 0.0}
    refunds: list[Row] = [{"fare_amount": -5.0, "total_amount": zero} for zero in (0.0, -0.0)]
    assert by_reason(rejected(tmp_path, [charge, charge, *refunds]))["refunded"] == 2


def test_a_refunded_charge_keeps_its_other_reasons(tmp_path: Path) -> None:
    far: Row = {"trip_distance": 1000.0}
    found = rejected(tmp_path, [far, {**far, **REFUND}]).to_pylist()
    assert sorted(row["reasons"] for row in found) == [
        ["impossible_distance", "refunded"],
        ["negative_amount", "impossible_distance"],
    ]
