"""A month's profile says what a query over its rows would say."""

from collections import Counter
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taxi_assets.tlc.clean import clean
from taxi_assets.tlc.measures import MEASURES
from taxi_assets.tlc.profile import OTHER, SECONDS, Profile, Profiler
from taxi_assets.tlc.schema import canonical_schema, columns, money_columns
from taxi_assets.tlc.services import SERVICES, ServiceName
from taxi_assets.tlc.synthetic import write_month


@settings(max_examples=10, deadline=None)
@given(
    service=st.sampled_from(list(SERVICES)),
    month=st.dates(date(2019, 2, 1), date(2026, 9, 30)),
    seed=st.integers(0, 2**32),
    rows=st.integers(0, 2_000),
)
def test_a_profile_says_what_a_count_of_the_rows_says(
    tmp_path_factory: pytest.TempPathFactory, service: ServiceName, month: date, seed: int, rows: int
) -> None:
    folder, month = tmp_path_factory.mktemp("month"), month.replace(day=1)
    write_month(folder / "month.parquet", SERVICES[service], month, rows, seed)
    with clean(folder / "month.parquet", service, month, folder) as cleaning:
        valid = cleaning.cleaned().read_all()
        rejected = cleaning.quarantined().read_all()
        profile = cleaning.profile()
    assert (profile.rows, profile.rejected) == (len(valid), len(rejected))
    thrown_out = days_of(rejected)
    assert profile.rejected_days == thrown_out
    assert profile.days == days_of(valid) + thrown_out
    assert profile.strays(month) == sum(n for day, n in profile.days.items() if day.replace(day=1) != month)
    assert profile.zones == Counter(zone for zone in valid["pu_location_id"].to_pylist() if zone)
    for column in columns(service):
        values = valid[column.name].to_pylist()
        assert profile.nulls[column.name] == values.count(None)
        if column.name in profile.codes:
            assert profile.codes[column.name] == Counter(str(value) for value in values if value is not None)
    for name in money_columns(service):
        assert profile.sums[name] == pytest.approx(sum(value or 0 for value in valid[name].to_pylist()))
    spans = zip(valid["pickup_at"].to_pylist(), valid["dropoff_at"].to_pylist(), strict=True)
    assert profile.sums[SECONDS] == pytest.approx(sum((b - a).total_seconds() for a, b in spans if a and b))


def days_of(rows: pa.Table) -> Counter[date]:
    return Counter(pickup.date() for pickup in rows["pickup_at"].to_pylist() if pickup)


def test_a_profile_is_the_same_after_it_was_kept_as_json(tmp_path: Path) -> None:
    write_month(tmp_path / "month.parquet", SERVICES["yellow"], date(2025, 1, 1), 3_000, 1)
    with clean(tmp_path / "month.parquet", "yellow", date(2025, 1, 1), tmp_path) as cleaning:
        for _ in cleaning.cleaned():
            pass
        profile = cleaning.profile()
    kept = Profile.from_json(profile.to_json())
    sums = kept.sums
    assert sums == {name: pytest.approx(value, abs=1e-6) for name, value in profile.sums.items()}
    profile.sums = sums
    assert kept == profile
    assert len(profile.to_json()) < 10_000


def test_values_that_nobody_expects_are_counted_and_break_nothing() -> None:
    schema = canonical_schema("green")
    row = dict.fromkeys(schema.names)
    rows = [
        row | {"vendor_id": -1, "pu_location_id": 999, "fare_amount": float("nan")},
        row | {"vendor_id": 255, "pu_location_id": -5, "fare_amount": float("inf")},
        row | {"vendor_id": 0, "pu_location_id": 265, "fare_amount": 2.5},
        row | {"vendor_id": 254, "pu_location_id": 0},
    ]
    profiler = Profiler("green", date(2024, 1, 1))
    profiler.add(pa.RecordBatch.from_pylist(rows, schema))
    profile = profiler.finish()
    assert profile.codes["vendor_id"] == {"0": 1, "254": 1, OTHER: 2}
    assert profile.zones == {265: 1}
    assert profile.sums["fare_amount"] == 2.5
    assert not profile.days


@pytest.mark.parametrize("microseconds", [2**63 - 1, -(2**63) + 1])
def test_a_pickup_beyond_the_calendar_is_a_stray(microseconds: int) -> None:
    schema = canonical_schema("green")
    pickups = pa.array([microseconds], pa.int64()).cast(pa.timestamp("us"))
    others = {name: pa.nulls(1, schema.field(name).type) for name in schema.names if name != "pickup_at"}
    row = pa.RecordBatch.from_pydict({**others, "pickup_at": pickups}, schema=schema)
    profiler = Profiler("green", date(2024, 1, 1))
    profiler.add_rejected(row)
    assert Profile.from_json(profiler.finish().to_json()).strays(date(2024, 1, 1)) == 1


def test_a_column_of_countless_texts_stays_small() -> None:
    schema = canonical_schema("yellow")
    row = dict.fromkeys(schema.names)
    profiler = Profiler("yellow", date(2009, 1, 1))
    profiler.add(pa.RecordBatch.from_pylist([row | {"payment_method": f"{n}"} for n in range(90)], schema))
    found = profiler.finish().codes["payment_method"]
    assert len(found) == 51
    assert found[OTHER] == 40


def test_a_column_of_long_texts_stays_small() -> None:
    schema = canonical_schema("yellow")
    row = dict.fromkeys(schema.names)
    profiler = Profiler("yellow", date(2009, 1, 1))
    texts = ["Cash", *(f"{'remark ' * 20_000}{n}" for n in range(9))]
    profiler.add(pa.RecordBatch.from_pylist([row | {"payment_method": text} for text in texts], schema))
    assert profiler.finish().codes["payment_method"] == {"Cash": 1, ("remark " * 6)[:40]: 9}


def test_measures_name_columns_that_the_service_has() -> None:
    for service, measures in MEASURES.items():
        named = [*measures.revenue, *filter(None, (measures.tips, measures.distance))]
        assert set(named) <= set(canonical_schema(service).names)
        assert not measures.tips or service != "fhvhv" or measures.tips in measures.revenue
