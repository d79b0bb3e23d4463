"""Cleaning loses nothing: every row is cleaned or kept in quarantine, with the reasons that are known."""

import gc
import json
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taxi_assets.tlc.clean import Cleaning, clean, quarantine_schema
from taxi_assets.tlc.conform import NonConforming
from taxi_assets.tlc.schema import canonical_schema
from taxi_assets.tlc.services import SERVICES, ServiceName, parse_month
from taxi_assets.tlc.synthetic import MonthCounts, write_month
from taxi_assets_tests.tlc.published import GREEN_MONTH, conformed, parted, synthetic

# Which rule finds which dirt, of which a month has no impossible amount. Zero distance, zero passengers
# and the null block are no errors.
RULE_OF = {
    "pickup_outside_month": "pickup_outside_month",
    "dropoff_before_pickup": "dropoff_before_pickup",
    "impossible_duration": "long_durations",
    "negative_amount": "negative_amounts",
    "impossible_amount": None,
    "refunded": "refund_pairs",
    "unknown_location": "location_out_of_range",
    "impossible_distance": "impossible_distance",
}


def assert_found_as_told(found: dict[str, int], told: MonthCounts) -> None:
    given = {rule: getattr(told, dirt) if dirt else 0 for rule, dirt in RULE_OF.items()}
    assert found == {rule: given[rule] for rule in found}
    # fhvhv has no total to know a twin by: its refunds go alone.
    lacking = RULE_OF.keys() - found.keys() - {"refunded"}
    assert not any(given[rule] for rule in lacking)


@settings(max_examples=12, deadline=None)
@given(
    data=st.data(),
    service=st.sampled_from(list(SERVICES)),
    rows=st.one_of(st.integers(0, 300), st.integers(2_000, 3_000)),
    seed=st.integers(0, 2**32),
)
def test_what_is_rejected_is_exactly_the_dirt_that_a_month_was_given(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    service: ServiceName,
    rows: int,
    seed: int,
) -> None:
    month = data.draw(st.dates(SERVICES[service].first_month, date(2026, 9, 30))).replace(day=1)
    folder = tmp_path_factory.mktemp("month")
    path = folder / "month.parquet"
    told = write_month(path, SERVICES[service], month, rows, seed)
    cleaned, rejected, counts = parted(path, service, month, folder)
    assert_found_as_told(dict(counts), told)
    # A synthetic row has one kind of dirt at most: here rows and reasons are the same number.
    assert len(rejected) == sum(counts.values())
    assert cleaned.schema.equals(canonical_schema(service), check_metadata=True)
    assert rejected.schema.equals(quarantine_schema(service), check_metadata=True)
    # Nothing is lost, made up or changed: the two together are the conformed file.
    whole = pa.concat_tables([cleaned, rejected.drop_columns(["reasons"])])
    assert counted(whole) == counted(conformed(path, service, month, folder))


def counted(table: pa.Table) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        connection.register("rows", table)
        return connection.execute(
            "SELECT rows::VARCHAR AS row, count(*) FROM rows GROUP BY ALL ORDER BY 1"
        ).fetchall()


def test_a_month_of_many_batches_is_cleaned_like_one_of_few(tmp_path: Path) -> None:
    path = tmp_path / "month.parquet"
    told = write_month(path, SERVICES["green"], GREEN_MONTH, 400_000)
    cleaned, rejected, counts = parted(path, "green", GREEN_MONTH, tmp_path)
    assert_found_as_told(dict(counts), told)
    assert len(cleaned) + len(rejected) == 400_000
    assert cleaned["pickup_at"].num_chunks > 3


def test_counts_name_every_rule_the_frequent_ones_first(tmp_path: Path) -> None:
    path = tmp_path / "month.parquet"
    write_month(path, SERVICES["green"], GREEN_MONTH, 3_000)
    counts = parted(path, "green", GREEN_MONTH, tmp_path)[2]
    assert counts.keys() == RULE_OF.keys()
    assert list(counts.values()) == sorted(counts.values(), reverse=True)


def test_rejected_rows_are_not_known_before_the_last_valid_one_was_read(tmp_path: Path) -> None:
    path = tmp_path / "month.parquet"
    write_month(path, SERVICES["green"], GREEN_MONTH, 200_000)
    with clean(path, "green", GREEN_MONTH, tmp_path) as cleaning:
        with pytest.raises(RuntimeError, match="known only when all valid ones have been read"):
            cleaning.quarantined()
        rows = cleaning.cleaned()
        rows.read_next_batch()
        with pytest.raises(RuntimeError, match="known only when all valid ones have been read"):
            cleaning.quarantined()
        rows.read_all()
        first, again = cleaning.quarantined().read_all(), cleaning.quarantined().read_all()
        assert len(first) == cleaning.rejected > 0
        assert first.equals(again)


def is_closed(cleaning: Cleaning) -> bool:
    try:
        cleaning.connection.execute("SELECT 1")
    except duckdb.ConnectionException:
        return cleaning.spill.closed
    return False


def test_everything_is_closed_and_no_file_is_left_after_the_context(tmp_path: Path) -> None:
    path = tmp_path / "month.parquet"
    synthetic(path, "green", GREEN_MONTH)
    with clean(path, "green", GREEN_MONTH, tmp_path) as cleaning:
        cleaning.cleaned().read_all()
        assert not is_closed(cleaning)
    assert is_closed(cleaning)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


def test_everything_is_closed_when_the_reader_stops_midway(tmp_path: Path) -> None:
    path = tmp_path / "month.parquet"
    write_month(path, SERVICES["green"], GREEN_MONTH, 300_000)
    with ExitStack() as stack:
        cleaning = stack.enter_context(clean(path, "green", GREEN_MONTH, tmp_path))
        rows = cleaning.cleaned()
        rows.read_next_batch()
    assert is_closed(cleaning)
    del rows
    gc.collect()
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


def test_a_file_that_is_refused_leaves_no_connection_behind(tmp_path: Path) -> None:
    path = tmp_path / "month.parquet"
    path.write_bytes(b"PAR1")
    before = open_files()
    for _ in range(5):
        with pytest.raises(NonConforming), clean(path, "green", GREEN_MONTH, tmp_path):
            pass
    gc.collect()
    assert open_files() <= before


def open_files() -> int:
    listed = Path("/proc/self/fd")
    return len(list(listed.iterdir())) if listed.exists() else 0


def test_half_the_pickups_may_lie_outside_the_month_but_no_more(tmp_path: Path) -> None:
    path = tmp_path / "month.parquet"
    inside, outside = (synthetic(path, "green", month, 100) for month in (GREEN_MONTH, date(2024, 2, 1)))
    pq.write_table(pa.concat_tables([inside, outside]), path)
    assert parted(path, "green", GREEN_MONTH, tmp_path)[2]["pickup_outside_month"] == 100
    pq.write_table(pa.concat_tables([inside.slice(0, 99), outside]), path)
    with pytest.raises(NonConforming, match="100 of 199 pickups lie outside 2024-01"):
        parted(path, "green", GREEN_MONTH, tmp_path)


def test_the_real_green_months_have_the_dirt_found_by_others(tmp_path: Path, real_data: Path) -> None:
    figures = json.loads((real_data / "facts" / "check_figures_green.json").read_text())
    assert len(figures) == 10
    for told in figures:
        path, month = (
            real_data / "parquet" / f"green_tripdata_{told['month']}.parquet",
            parse_month(told["month"]),
        )
        cleaned, rejected, counts = parted(path, "green", month, tmp_path)
        assert len(cleaned) + len(rejected) == told["n"]
        same = ("pickup_outside_month", "dropoff_before_pickup")
        assert {name: counts[name] for name in same} == {name: told[name] for name in same}, told["month"]
        negative = pc.or_(pc.less(rejected["fare_amount"], 0), pc.less(rejected["total_amount"], 0))
        assert counts["negative_amount"] == pc.sum(negative).as_py() >= told["neg_fare"]
        refunded = [row for row in rejected.to_pylist() if "refunded" in row["reasons"]]
        assert sum(row["fare_amount"] > 0 for row in refunded) == told["reversal_pairs"], told["month"]
        course, _, _ = parted(path, "green", month, tmp_path, "course")
        assert len(course) == told["zoomcamp_pass_and_dist"], told["month"]


def test_the_course_s_homework_has_the_published_answers(tmp_path: Path, real_data: Path) -> None:
    months = [date(2020, number, 1) for number in (10, 11, 12)]
    parts = [
        parted(
            real_data / "csv" / SERVICES["green"].file_name(month, ".csv.gz"),
            "green",
            month,
            tmp_path,
            "course",
        )
        for month in months
    ]
    cleaned = pa.concat_tables([part[0] for part in parts])
    assert sum(len(part[0]) + len(part[1]) for part in parts) == 266_855
    assert len(cleaned) == 139_370
    days = set(pc.cast(pc.floor_temporal(cleaned["pickup_at"], unit="day"), pa.date32()).to_pylist())
    assert len(days) == 95
    assert {date(2009, 1, 1), date(2020, 9, 30), date(2021, 1, 1)} < days
    assert set(cleaned["vendor_id"].to_pylist()) == {1, 2}
