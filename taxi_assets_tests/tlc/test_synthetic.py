"""Synthetic months: the schema of their era, exactly the dirt that they tell of, plausible rows."""

from dataclasses import asdict
from datetime import date
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taxi_assets.tlc.services import SERVICES, ServiceName, next_month, parse_month
from taxi_assets.tlc.synthetic import files, month_counts, published_schema
from taxi_assets.tlc.synthetic import write_month as write
from taxi_assets_tests.tlc.synthetic_counts import count, counted, raw_names

# At least one month of each era that differs in names, types, or dirt.
MONTHS: list[tuple[ServiceName, str]] = [
    *(("yellow", month) for month in ("2009-01", "2009-12", "2010-01", "2010-02", "2011-01", "2014-08")),
    *(("yellow", month) for month in ("2018-09", "2019-03", "2020-10", "2023-02", "2026-07")),
    *(("green", month) for month in ("2014-02", "2019-01", "2020-10", "2022-12", "2025-01", "2026-06")),
    *(("fhv", month) for month in ("2015-01", "2017-08", "2019-05", "2020-07", "2024-02")),
    *(("fhvhv", month) for month in ("2019-02", "2020-04", "2022-11", "2025-06")),
]


@pytest.mark.parametrize(("service", "key"), MONTHS)
def test_a_month_has_the_schema_of_its_era_and_exactly_the_dirt_that_it_tells_of(
    tmp_path: Path, service: ServiceName, key: str
) -> None:
    month, path = parse_month(key), tmp_path / "month.parquet"
    told = write(path, SERVICES[service], month, rows=5_000)
    file = pq.ParquetFile(path)
    assert file.schema_arrow == published_schema(service, month)
    assert all(file.schema.column(number).max_definition_level == 1 for number in range(len(file.schema)))
    assert told.rows == file.metadata.num_rows == 5_000
    assert counted(path, service, month) == told == month_counts(SERVICES[service], month, 5_000)


@settings(max_examples=12, deadline=None)
@given(
    case=st.sampled_from(MONTHS),
    rows=st.integers(0, 4_000),
    seed=st.integers(0, 2**32),
    chunk_rows=st.integers(500, 3_000),
)
def test_any_size_and_seed_has_exactly_the_rows_asked_for_and_the_dirt_told(
    tmp_path_factory: pytest.TempPathFactory,
    case: tuple[ServiceName, str],
    rows: int,
    seed: int,
    chunk_rows: int,
) -> None:
    service, month = case[0], parse_month(case[1])
    path = tmp_path_factory.mktemp("month") / "month.parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "CHUNK_ROWS", chunk_rows)
        told = write(path, SERVICES[service], month, rows, seed)
    assert told.rows == rows
    assert counted(path, service, month) == told


@pytest.mark.parametrize("service", ["yellow", "green"])
def test_every_kind_of_dirt_appears_in_two_thousand_rows(service: ServiceName) -> None:
    counts = asdict(month_counts(SERVICES[service], date(2021, 3, 1), 2_000))
    assert [kind for kind, rows in counts.items() if rows == 0] == []
    assert counts["refund_pairs"] < counts["negative_amounts"]


def test_a_service_has_no_dirt_in_columns_that_it_lacks() -> None:
    fhv = asdict(month_counts(SERVICES["fhv"], date(2016, 5, 1), 2_000))
    assert {kind for kind, rows in fhv.items() if rows} == {
        "rows",
        "pickup_outside_month",
        "location_out_of_range",
    }
    assert month_counts(SERVICES["yellow"], date(2009, 1, 1), 2_000).location_out_of_range == 0


@pytest.mark.parametrize(
    ("service", "key"), [("yellow", "2020-10"), ("green", "2025-01"), ("fhvhv", "2022-11")]
)
def test_no_row_is_dirty_in_two_ways(tmp_path: Path, service: ServiceName, key: str) -> None:
    month, path = parse_month(key), tmp_path / "month.parquet"
    told = write(path, SERVICES[service], month, rows=20_000)
    name = raw_names(service, month)
    distance = name.get("trip_distance") or name.get("trip_miles")
    fare = name.get("fare_amount") or name.get("base_passenger_fare")
    kinds = [
        f"({name['pickup_at']} < '{month}' OR {name['pickup_at']} >= '{next_month(month)}')",
        f"({name['dropoff_at']} < {name['pickup_at']})",
        f"({name['dropoff_at']} - {name['pickup_at']} > INTERVAL 12 HOURS)",
        f"({distance} = 0 OR {distance} > 300)",
        f"({fare} < 0)",
        f"({name['pu_location_id']} NOT BETWEEN 1 AND 265)",
    ]
    if passengers := name.get("passenger_count"):
        kinds.append(f"({passengers} IS NULL OR {passengers} = 0)")
    con = duckdb.connect()
    con.execute("CREATE TABLE t AS SELECT * FROM read_parquet(?)", [str(path)])
    total = " + ".join(f"coalesce({kind}, false)::INT" for kind in kinds)
    assert count(con, f"{total} > 1") == 0
    expected = sum(asdict(told).values()) - told.rows - told.refund_pairs
    assert count(con, f"{total} = 1") == expected


@pytest.mark.parametrize(("service", "key"), [("fhv", "2015-01"), ("fhv", "2024-02"), ("green", "2020-10")])
def test_no_two_rows_are_equal(tmp_path: Path, service: ServiceName, key: str) -> None:
    path = tmp_path / "month.parquet"
    write(path, SERVICES[service], parse_month(key), rows=150_000)
    con = duckdb.connect()
    distinct = "SELECT count(*) FROM (SELECT DISTINCT * FROM read_parquet(?))"
    assert con.execute(distinct, [str(path)]).fetchall() == [(150_000,)]


def test_pickups_follow_the_day_and_money_adds_up_to_the_cent(tmp_path: Path) -> None:
    path = tmp_path / "month.parquet"
    write(path, SERVICES["yellow"], date(2024, 5, 1), rows=60_000)
    con = duckdb.connect()
    con.execute("CREATE TABLE t AS SELECT * FROM read_parquet(?)", [str(path)])
    evening, night = (count(con, f"hour(tpep_pickup_datetime) = {hour}") for hour in (18, 4))
    assert evening > 5 * night > 0
    days = con.execute("SELECT count(DISTINCT day(tpep_pickup_datetime)) FROM t").fetchall()
    assert days == [(31,)]
    assert count(con, "abs(total_amount * 100 - round(total_amount * 100)) > 1e-6") == 0
    together = con.execute(
        "SELECT corr(trip_distance, fare_amount) FROM t "
        "WHERE fare_amount > 0 AND trip_distance BETWEEN 0.1 AND 100"
    ).fetchall()
    assert together[0][0] > 0.9


def test_the_null_block_of_yellow_keeps_a_payment_type_of_zero(tmp_path: Path) -> None:
    path = tmp_path / "month.parquet"
    told = write(path, SERVICES["yellow"], date(2021, 5, 1), rows=5_000)
    con = duckdb.connect()
    con.execute("CREATE TABLE t AS SELECT * FROM read_parquet(?)", [str(path)])
    together = (
        "payment_type = 0 AND RatecodeID IS NULL AND store_and_fwd_flag IS NULL AND airport_fee IS NULL"
    )
    assert (
        count(con, f"passenger_count IS NULL AND congestion_surcharge IS NULL AND {together}")
        == told.null_block
    )
    assert count(con, f"passenger_count IS NULL OR {together}") == told.null_block
