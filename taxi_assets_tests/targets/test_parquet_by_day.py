"""A month cut by day: folders, stray and missing dates, versions, orphans, the way there and back."""

import time
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from taxi_assets.targets import parquet_write
from taxi_assets.targets.parquet import ParquetTarget
from taxi_assets.targets.parquet_days import FOREIGN_ORPHAN_AGE, day_folder
from taxi_assets.targets.target import TargetError

JANUARY = date(2024, 1, 1)
TABLE = "green_trips"
COLUMN = "lpep_pickup_datetime"


@pytest.fixture
def target(tmp_path: Path) -> ParquetTarget:
    return ParquetTarget(url=str(tmp_path), partition_by_day=COLUMN)


def on(days: list[datetime | None]) -> pa.Table:
    return pa.table({"n": pa.array(range(len(days)), pa.int64()), COLUMN: pa.array(days, pa.timestamp("us"))})


def spread(days: int, count: int = 1000) -> pa.Table:
    start = datetime(2024, 1, 1, 23, 59, 59, 999_999)  # noqa: DTZ001
    return on([start + timedelta(days=n % days) for n in range(count)])


def parts(root: Path) -> list[Path]:
    return sorted((root / TABLE).rglob("*.parquet"))


def test_each_date_has_a_folder_stray_and_missing_ones_too(target: ParquetTarget, tmp_path: Path) -> None:
    moments = ("2024-01-01", "2024-01-02 03:00", None, "2009-01-01", "1969-12-31 23:00")
    days = [datetime.fromisoformat(moment) if moment else None for moment in moments]
    target.replace(TABLE, JANUARY, on(days).to_reader())
    folders = sorted(path.parent.name for path in parts(tmp_path))
    assert folders == [
        "lpep_pickup_date=1969-12-31",
        "lpep_pickup_date=2009-01-01",
        "lpep_pickup_date=2024-01-01",
        "lpep_pickup_date=2024-01-02",
        "lpep_pickup_date=__HIVE_DEFAULT_PARTITION__",
    ]
    found = ds.dataset(tmp_path / TABLE, partitioning="hive").to_table()
    assert found.num_rows == 5
    assert {"trip_month", "lpep_pickup_date", COLUMN} < set(found.schema.names)


@pytest.mark.parametrize(
    ("column", "folder"),
    [
        ("lpep_pickup_datetime", "lpep_pickup_date"),
        ("created_at", "created_date"),
        ("day", "day_date"),
        ("trip_date", "trip_date_day"),
    ],
)
def test_the_folders_column_is_never_the_column_itself(column: str, folder: str) -> None:
    assert day_folder(column) == folder


def test_a_month_without_rows_keeps_its_schema(target: ParquetTarget) -> None:
    target.replace(TABLE, JANUARY, spread(5, 0).to_reader())
    assert target.read(TABLE).read_all().schema.names == ["n", COLUMN, "trip_month"]
    assert target.partitions(TABLE)[JANUARY].rows == 0


def test_more_dates_than_open_files_lose_no_row(
    target: ParquetTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_write, "OPEN_FILES", 3)
    target.replace(TABLE, JANUARY, spread(10, 300).to_reader(max_chunksize=100))
    assert sorted(target.read(TABLE).read_all()["n"].to_pylist()) == list(range(300))


def test_memory_that_is_used_up_loses_no_row(target: ParquetTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_write, "BUFFER_BYTES", 2000)
    target.replace(TABLE, JANUARY, spread(31, 3000).to_reader(max_chunksize=100))
    assert sorted(target.read(TABLE).read_all()["n"].to_pylist()) == list(range(3000))


def test_who_is_reading_reads_the_old_version_to_its_end(target: ParquetTarget, tmp_path: Path) -> None:
    target.replace(TABLE, JANUARY, spread(31).to_reader())
    stream = target.read(TABLE)
    first = stream.read_next_batch()
    target.replace(TABLE, JANUARY, spread(2, 10).to_reader())
    assert first.num_rows + sum(batch.num_rows for batch in stream) == 1000
    assert len(parts(tmp_path)) == 2


def test_a_table_changes_to_days_and_back_without_a_row_twice(target: ParquetTarget, tmp_path: Path) -> None:
    whole = ParquetTarget(url=target.url)
    whole.replace(TABLE, JANUARY, spread(31, 10).to_reader())
    for count, writer in ((20, target), (30, whole), (40, target), (50, whole)):
        report = writer.replace(TABLE, JANUARY, spread(31, count).to_reader(), {"version": str(count)})
        assert report.replaced_rows == count - 10
        for reader in (whole, target):
            assert reader.read(TABLE).read_all().num_rows == count
            assert reader.partitions(TABLE)[JANUARY].version == str(count)
    assert [path.name for path in (tmp_path / TABLE / "trip_month=2024-01-01").iterdir()] == [
        "green_trips.parquet"
    ]


def test_parts_of_a_dead_writer_are_not_read_and_are_removed_by_the_next(
    target: ParquetTarget, tmp_path: Path
) -> None:
    target.replace(TABLE, JANUARY, spread(2, 10).to_reader())
    named = parts(tmp_path)[0]
    version = named.name.split("-")[1]
    orphan = named.with_name(named.name.replace(version, version[:6] + "0" * 10))
    orphan.write_bytes(named.read_bytes())
    assert target.read(TABLE).read_all().num_rows == 10
    target.replace(TABLE, JANUARY, spread(2, 12).to_reader())
    assert not orphan.exists()


def test_parts_of_another_host_are_left_to_it_for_a_day(
    target: ParquetTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.replace(TABLE, JANUARY, spread(2, 10).to_reader())
    foreign = parts(tmp_path)[0].with_name("green_trips-ffffff0000000000-0.parquet")
    foreign.write_bytes(parts(tmp_path)[0].read_bytes())
    target.replace(TABLE, JANUARY, spread(2, 10).to_reader())
    assert foreign.exists()
    assert target.read(TABLE).read_all().num_rows == 10
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + FOREIGN_ORPHAN_AGE + 1)
    target.replace(TABLE, JANUARY, spread(2, 10).to_reader())
    assert not foreign.exists()


def test_a_column_that_has_no_dates_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="can't cut by day of n, which is int64"):
        ParquetTarget(url=str(tmp_path), partition_by_day="n").replace(TABLE, JANUARY, spread(2).to_reader())
    with pytest.raises(TargetError, match=f"no column pickup.*{COLUMN}"):
        ParquetTarget(url=str(tmp_path), partition_by_day="pickup").replace(
            TABLE, JANUARY, spread(2).to_reader()
        )
    assert {path.name for path in tmp_path.iterdir()} <= {".scratch"}
