"""Files of every era become canonical rows: all of them, with the values that they had."""

import csv
import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taxi_assets.tlc.conform import conform
from taxi_assets.tlc.schema import canonical_schema, published_columns
from taxi_assets.tlc.services import SERVICES, ServiceName, next_month, parse_month
from taxi_assets.tlc.synthetic import published_schema, write_csv_month, write_month
from taxi_assets_tests.tlc.published import conformed

TYPES = {
    "int32": pa.int32(),
    "int64": pa.int64(),
    "double": pa.float64(),
    "string": pa.string(),
    "large_string": pa.large_string(),
    "timestamp": pa.timestamp("us"),
    "null": pa.null(),
}
VALUES: dict[str, list[Any]] = {
    "int32": [1, None, 2],
    "int64": [1, None, 2],
    "double": [1.0, None, 0.0],
    "string": ["2", None, " 1 "],
    "large_string": ["N", None, ""],
    "timestamp": [
        datetime.fromisoformat("2020-01-01"),
        None,
        datetime.fromisoformat("2020-01-01T00:00:00.000001"),
    ],
    "null": [None, None, None],
}


def sample(name: str, kind: str) -> pa.Array:
    if kind == "string" and "datetime" in name.lower():
        return pa.array(["2009-01-04 02:52:00", None, ""], pa.string())
    return pa.array(VALUES[kind], TYPES[kind])


def seen_types(text: str) -> list[str]:
    return text.split(" (")[0].replace("timestamp[us]", "timestamp").split(" or ")


@pytest.mark.parametrize("service", SERVICES)
def test_every_era_that_was_seen_conforms_to_one_schema(
    tmp_path: Path, real_data: Path, service: ServiceName
) -> None:
    eras = json.loads((real_data / "facts" / "schema_eras.json").read_text())["parquet"][service]
    files = 0
    for era in eras:
        for choice in (0, -1):
            kinds = {column["name"]: seen_types(column["type"])[choice] for column in era["columns"]}
            table = pa.table({name: sample(name, kind) for name, kind in kinds.items()})
            path = tmp_path / f"{service}_{era['from']}.parquet"
            pq.write_table(table, path)
            for month in {parse_month(era["from"]), parse_month(era["to"])}:
                found = conformed(path, service, month, tmp_path)
                assert found.schema.equals(canonical_schema(service), check_metadata=True)
                assert_values_are_kept(found, table, service, month)
                files += 1
    assert files > 10


def assert_values_are_kept(found: pa.Table, table: pa.Table, service: ServiceName, month: date) -> None:
    raw = {how.name: column for column, how in published_columns(service, month).items()}
    for name, column in raw.items():
        values = found[column.name].to_pylist()
        given = table[name]
        if pa.types.is_null(given.type):
            assert values == [None] * 3, name
        elif column.kind in ("int", "float"):
            assert values == [1, None, 0 if pa.types.is_float64(given.type) else 2] or (
                pa.types.is_string(given.type) and values == [2, None, 1]
            ), name
        elif column.kind == "text":
            flag = ["Y", None, "N"] if pa.types.is_float64(given.type) else given.to_pylist()
            assert values == flag, name
        elif pa.types.is_string(given.type):
            assert values == [datetime.fromisoformat("2009-01-04T02:52"), None, None], name
        else:
            assert values == given.to_pylist(), name
    names = {column.name for column in raw.values()}
    assert all(found[name].null_count == 3 for name in found.column_names if name not in names)


@settings(max_examples=20, deadline=None)
@given(
    data=st.data(), service=st.sampled_from(list(SERVICES)), rows=st.integers(0, 800), seed=st.integers(0, 9)
)
def test_a_month_of_any_service_conforms_without_losing_a_value(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, service: ServiceName, rows: int, seed: int
) -> None:
    first = SERVICES[service].first_month
    month = data.draw(st.dates(first, date(2026, 9, 30))).replace(day=1)
    folder = tmp_path_factory.mktemp("month")
    path = folder / "month.parquet"
    write_month(path, SERVICES[service], month, rows, seed)
    found, raw = conformed(path, service, month, folder), pq.read_table(path)
    assert found.schema == canonical_schema(service)
    assert len(found) == rows
    for column, how in published_columns(service, month).items():
        assert found[column.name].null_count == raw[how.name].null_count, column.name
        if column.kind == "float" and pa.types.is_float64(raw[how.name].type):
            assert sorted_values(found[column.name]) == sorted_values(raw[how.name])


def sorted_values(column: pa.ChunkedArray) -> list[float]:
    return sorted(value for value in column.to_pylist() if value is not None)


@pytest.mark.parametrize("service", SERVICES)
def test_the_csv_copy_of_a_month_conforms_to_the_same_rows_as_its_parquet(
    tmp_path: Path, service: ServiceName
) -> None:
    month = date(2020, 10, 1)
    parquet, copy = tmp_path / "month.parquet", tmp_path / "month.csv.gz"
    write_month(parquet, SERVICES[service], month, 700)
    write_csv_month(copy, SERVICES[service], month, 700)
    one, other = (conformed(path, service, month, tmp_path) for path in (parquet, copy))
    lacking = {"yellow": {"airport_fee"}, "fhv": {"affiliated_base_number"}}.get(service, set())
    names = [name for name in one.column_names if name not in lacking]
    keys = [(name, "ascending") for name in names]
    assert other.select(names).sort_by(keys).to_pylist() == one.select(names).sort_by(keys).to_pylist()


def test_names_with_spaces_other_case_and_a_blank_second_line_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "fhv.csv"
    path.write_text(
        "\ufeff Dispatching_base_num , PICKUP_datetime,dropOff_datetime,PUlocationID,DOlocationID,SR_Flag\r\n"
        '\r\n"B00001",2019-01-01 00:00:01,"",3,,\r\n',
        encoding="utf-8",
    )
    [row] = conformed(path, "fhv", date(2019, 1, 1), tmp_path).to_pylist()
    assert row == {
        "dispatching_base_num": "B00001",
        "affiliated_base_number": None,
        "pickup_at": datetime.fromisoformat("2019-01-01T00:00:01"),
        "dropoff_at": None,
        "pu_location_id": 3,
        "do_location_id": None,
        "sr_flag": None,
    }


def test_a_stray_pandas_index_is_passed_over(tmp_path: Path) -> None:
    path, month = tmp_path / "month.parquet", date(2010, 2, 1)
    write_month(path, SERVICES["yellow"], month, 50)
    assert "__index_level_0__" in pq.read_schema(path).names
    assert conformed(path, "yellow", month, tmp_path).schema == canonical_schema("yellow")


def test_the_month_is_no_column_of_a_file_in_a_hive_folder(tmp_path: Path) -> None:
    folder = tmp_path / "trip_month=2024-01-01" / "[odd] *name?"
    folder.mkdir(parents=True)
    path = folder / "month.parquet"
    write_month(path, SERVICES["green"], date(2024, 1, 1), 50)
    assert conformed(path, "green", date(2024, 1, 1), tmp_path).schema == canonical_schema("green")


def test_an_era_s_name_out_of_its_time_is_understood_too(tmp_path: Path) -> None:
    # The TLC re-publishes old months with new names, and the other way round.
    path, month = tmp_path / "month.parquet", date(2024, 1, 1)
    schema = published_schema("yellow", month)
    names = [{"Airport_fee": "airport_fee", "VendorID": "vendorid"}.get(name, name) for name in schema.names]
    write_month(path, SERVICES["yellow"], month, 50)
    table = pq.read_table(path)
    pq.write_table(table.rename_columns(names), path)
    found = conformed(path, "yellow", month, tmp_path)
    assert sorted_values(found["airport_fee"]) == sorted_values(table["Airport_fee"])
    assert sorted_values(found["vendor_id"]) == sorted_values(table["VendorID"])


SAMPLES: list[tuple[ServiceName, str, str, int]] = [
    ("yellow", "yellow_tripdatasample_2020-04.csv", "2020-04", 1000),
    ("green", "green_tripdatasample_2020-04.csv", "2020-04", 1000),
    ("fhv", "fhv_tripdatasample_2020-04.csv", "2020-04", 1000),
    ("fhvhv", "fhvhv_tripdatasample_2020-04.csv", "2020-04", 1000),
    ("yellow", "yellow_2025-01_5rows.parquet", "2025-01", 5),
    ("yellow", "yellow_2025-02_5000rows.parquet", "2025-02", 5000),
]


@pytest.mark.parametrize(("service", "name", "key", "rows"), SAMPLES)
def test_real_samples_conform(
    tmp_path: Path, real_data: Path, service: ServiceName, name: str, key: str, rows: int
) -> None:
    path = real_data / "samples" / name
    found = conformed(path, service, parse_month(key), tmp_path)
    assert found.schema == canonical_schema(service)
    assert len(found) == rows
    month = parse_month(key)
    inside = [month <= pickup.date() < next_month(month) for pickup in found["pickup_at"].to_pylist()]
    assert sum(inside) > 0.99 * rows
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            raw = list(csv.DictReader(file))
        assert found["pu_location_id"].null_count == sum(not row_zone(row) for row in raw)


def row_zone(row: dict[str, str]) -> str:
    return next(value for name, value in row.items() if name.lower() == "pulocationid")


def test_the_real_course_files_conform_whole(tmp_path: Path, real_data: Path) -> None:
    total = 0
    for number in (10, 11, 12):
        path = real_data / "csv" / f"green_tripdata_2020-{number}.csv.gz"
        total += len(conformed(path, "green", date(2020, number, 1), tmp_path))
    assert total == 266_855


FIGURES = {
    "n": "count(*)",
    "dropoff_before_pickup": "count(*) FILTER (dropoff_at < pickup_at)",
    "neg_fare": "count(*) FILTER (fare_amount < 0)",
    "neg_total": "count(*) FILTER (total_amount < 0)",
    "zero_dist": "count(*) FILTER (trip_distance = 0)",
    "null_pass": "count(*) FILTER (passenger_count IS NULL)",
    "pass0": "count(*) FILTER (passenger_count = 0)",
    "sum_fare": "sum(fare_amount::DECIMAL(18, 6))",
    "sum_tip": "sum(tip_amount::DECIMAL(18, 6))",
    "sum_tolls": "sum(tolls_amount::DECIMAL(18, 6))",
    "sum_total": "sum(total_amount::DECIMAL(18, 6))",
    "sum_dist": "sum(trip_distance::DECIMAL(18, 6))",
    "min_pickup": "min(pickup_at)::VARCHAR",
    "max_pickup": "max(pickup_at)::VARCHAR",
    "zoomcamp_pass_and_dist": "count(*) FILTER (passenger_count > 0 AND trip_distance > 0)",
    "mlops_1_60min": "count(*) FILTER (date_diff('second', pickup_at, dropoff_at) BETWEEN 60 AND 3600)",
}


def test_real_green_months_have_the_rows_sums_and_dirt_found_by_others(
    tmp_path: Path, real_data: Path
) -> None:
    figures = json.loads((real_data / "facts" / "check_figures_green.json").read_text())
    assert len(figures) == 10
    for told in figures:
        path = real_data / "parquet" / f"green_tripdata_{told['month']}.parquet"
        trips = conformed(path, "green", parse_month(told["month"]), tmp_path)
        with duckdb.connect() as connection:
            connection.register("trips", trips)
            found = connection.execute(f"SELECT {', '.join(FIGURES.values())} FROM trips").fetchall()[0]
            distinct = connection.execute("SELECT count(*) FROM (SELECT DISTINCT * FROM trips)").fetchall()
        assert {name: as_told(value) for name, value in zip(FIGURES, found, strict=True)} == {
            name: told[name] for name in FIGURES
        }, told["month"]
        assert told["n"] - distinct[0][0] == told["exact_dup_rows"]


def as_told(value: object) -> object:
    return value if isinstance(value, (int, str)) else round(float(str(value)), 2)


def test_a_machine_short_of_memory_is_not_told_as_a_bad_file(tmp_path: Path) -> None:
    path = tmp_path / "green_tripdata_2024-01.parquet"
    write_month(path, SERVICES["green"], date(2024, 1, 1), 200_000)
    with duckdb.connect(config={"memory_limit": "1MB", "temp_directory": ""}) as connection:
        reader = conform(path, "green", date(2024, 1, 1), tmp_path, connection)
        with pytest.raises((duckdb.Error, OSError), match="Out of Memory"):
            reader.read_all()
