"""Files of synthetic months: the same in every run, any size in bounded memory, CSV copies."""

import gzip
import itertools
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taxi_assets.tlc.schema import CSV_LACKS
from taxi_assets.tlc.services import SERVICES, ServiceName, month_key, next_month
from taxi_assets.tlc.synthetic import (
    MonthCounts,
    batches,
    files,
    published_schema,
    write_csv_month,
)
from taxi_assets.tlc.synthetic import write_month as write
from taxi_assets_tests.tlc.synthetic_counts import raw_names


@pytest.mark.parametrize("service", SERVICES)
def test_the_same_seed_makes_the_same_file_and_another_seed_another(
    tmp_path: Path, service: ServiceName
) -> None:
    month, made = date(2020, 2, 1), []
    for number, seed in enumerate((7, 7, 8)):
        path = tmp_path / f"{number}.parquet"
        write(path, SERVICES[service], month, rows=3_000, seed=seed)
        made.append(path.read_bytes())
    assert made[0] == made[1]
    assert made[0] != made[2]


def test_months_and_services_differ_though_the_seed_is_the_same() -> None:
    firsts = [next(batches(SERVICES["green"], month, 500)) for month in (date(2021, 1, 1), date(2021, 2, 1))]
    assert firsts[0].column("trip_distance") != firsts[1].column("trip_distance")


def test_twenty_million_rows_begin_at_once_and_come_in_small_batches() -> None:
    stream = batches(SERVICES["fhvhv"], date(2024, 5, 1), 20_000_000)
    for batch in itertools.islice(stream, 2):
        assert 0 < batch.num_rows <= files.CHUNK_ROWS
        assert batch.nbytes < 64 << 20


def test_writing_holds_one_row_group_in_memory_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CHUNK_ROWS", 5_000)
    monkeypatch.setattr(files, "GROUP_ROWS", 20_000)
    before, held = pa.total_allocated_bytes(), []
    real = files.batches

    def watched(*arguments: object) -> Iterator[pa.RecordBatch]:
        for batch in real(*arguments):  # type: ignore[arg-type]
            held.append(pa.total_allocated_bytes() - before)
            yield batch

    monkeypatch.setattr(files, "batches", watched)
    path = tmp_path / "month.parquet"
    write(path, SERVICES["fhvhv"], date(2024, 5, 1), rows=400_000)
    file = pq.ParquetFile(path)
    assert file.num_row_groups == 20
    assert {file.metadata.row_group(number).num_rows for number in range(20)} == {20_000}
    # A row is about 250 bytes in Arrow: one group 5 MB, the whole month 100 MB.
    assert max(held) < 20 << 20


def test_a_small_month_is_one_row_group(tmp_path: Path) -> None:
    write(tmp_path / "month.parquet", SERVICES["green"], date(2024, 1, 1), rows=200_000)
    assert pq.ParquetFile(tmp_path / "month.parquet").num_row_groups == 1


def test_a_month_without_rows_still_has_its_schema(tmp_path: Path) -> None:
    told = write(tmp_path / "month.parquet", SERVICES["green"], date(2024, 1, 1), rows=0)
    assert told == MonthCounts(0)
    assert pq.read_table(tmp_path / "month.parquet").schema.names[0] == "VendorID"


@pytest.mark.parametrize("service", SERVICES)
def test_a_csv_copy_has_the_rows_of_the_month_without_the_columns_that_copies_lack(
    tmp_path: Path, service: ServiceName
) -> None:
    month = date(2020, 10, 1)
    told = write_csv_month(tmp_path / "a.csv.gz", SERVICES[service], month, rows=3_000)
    write_csv_month(tmp_path / "b.csv.gz", SERVICES[service], month, rows=3_000)
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()
    # Bytes 4 to 7 of a gzip file are its time, which would make a copy differ from second to second.
    assert (tmp_path / "a.csv.gz").read_bytes()[4:8] == bytes(4)
    assert told == write(tmp_path / "month.parquet", SERVICES[service], month, rows=3_000)
    header = gzip.decompress((tmp_path / "a.csv.gz").read_bytes()).decode().splitlines()[0].split(",")
    names = raw_names(service, month)
    lacking = {names[name].strip('"') for name in CSV_LACKS[service]}
    assert header == [name for name in published_schema(service, month).names if name not in lacking]
    listed = ", ".join(f'"{name}"' for name in header)
    con = duckdb.connect()
    con.execute("CREATE TABLE p AS SELECT * FROM read_parquet(?)", [str(tmp_path / "month.parquet")])
    con.execute(f"CREATE TABLE t AS SELECT {listed} FROM p")
    con.execute("CREATE TABLE c AS SELECT * FROM t LIMIT 0")
    con.execute("INSERT INTO c SELECT * FROM read_csv(?, all_varchar=true)", [str(tmp_path / "a.csv.gz")])
    assert con.execute("SELECT count(*) FROM c").fetchall() == [(3_000,)]
    assert con.execute("(FROM t EXCEPT ALL FROM c)").fetchall() == []


def test_a_csv_copy_writes_times_and_codes_as_the_real_ones_do(tmp_path: Path) -> None:
    write_csv_month(tmp_path / "a.csv.gz", SERVICES["green"], date(2020, 10, 1), rows=1_000)
    lines = gzip.decompress((tmp_path / "a.csv.gz").read_bytes()).decode().splitlines()
    first = dict(zip(lines[0].split(","), lines[1].split(","), strict=True))
    assert len(first) == 20
    assert len(first["lpep_pickup_datetime"]) == len("2020-10-01 00:31:19")
    assert first["RatecodeID"].isdigit()
    assert first["passenger_count"].isdigit()
    last = dict(zip(lines[0].split(","), lines[-1].split(","), strict=True))
    assert last["passenger_count"] == last["store_and_fwd_flag"] == last["ehail_fee"] == ""


def test_a_month_that_the_service_never_published_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "month.parquet"
    with pytest.raises(ValueError, match="they begin with 2014-01-01"):
        write(path, SERVICES["green"], date(2013, 8, 1))
    with pytest.raises(ValueError, match="no month"):
        write(path, SERVICES["green"], date(2024, 1, 2))
    with pytest.raises(ValueError, match="can't have -1 rows"):
        batches(SERVICES["green"], date(2024, 1, 1), -1)
    with pytest.raises(ValueError, match="2019 to 2021 only, not of 2022-01"):
        write_csv_month(path, SERVICES["green"], date(2022, 1, 1))
    assert not path.exists()


def test_every_month_since_the_first_can_be_made() -> None:
    for service in SERVICES.values():
        month = service.first_month
        while month < date(2026, 9, 1):
            made = list(batches(service, month, 60))
            assert sum(batch.num_rows for batch in made) == 60, month_key(month)
            month = next_month(month)
