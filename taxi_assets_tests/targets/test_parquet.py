"""What is Parquet's own: the layout that other readers find, footers, memory."""

import os
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from taxi_assets.targets.parquet import ParquetTarget
from taxi_assets.targets.target import TargetError
from taxi_assets_tests.servers.gcs import fake_gcs

JANUARY, FEBRUARY = date(2024, 1, 1), date(2024, 2, 1)
TABLE = "lake/green_trips"
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def target(tmp_path: Path) -> ParquetTarget:
    return ParquetTarget(url=str(tmp_path))


def rows(count: int, **more: Any) -> pa.Table:
    pickups = [datetime(2024, 1, 1 + n % 31, 12) for n in range(count)]  # noqa: DTZ001
    return pa.table({"n": range(count), "pickup_datetime": pa.array(pickups, pa.timestamp("us")), **more})


def files(root: Path) -> list[str]:
    """Every file below the root but for scratch."""
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in found if path.parts[0] != ".scratch")


def test_a_partition_is_exactly_one_file_whose_name_never_changes(
    target: ParquetTarget, tmp_path: Path
) -> None:
    for count in (3, 5):
        target.replace(TABLE, JANUARY, rows(count).to_reader(), {"version": "1"})
    target.replace("zones", None, rows(2).to_reader(), {"version": "1"})
    assert files(tmp_path) == [
        "lake/green_trips/trip_month=2024-01-01/green_trips.parquet",
        "zones/zones.parquet",
    ]
    assert target.uri(TABLE, JANUARY) == str(tmp_path / files(tmp_path)[0])


def test_every_hive_reader_finds_rows_and_months(target: ParquetTarget, tmp_path: Path) -> None:
    target.replace(TABLE, JANUARY, rows(3).to_reader(), {"version": "1"})
    target.replace(TABLE, FEBRUARY, rows(4).to_reader())
    folder = tmp_path / TABLE
    counts = {"2024-01-01": 3, "2024-02-01": 4}
    arrow = ds.dataset(folder, partitioning="hive").to_table()
    frames = [
        arrow.to_pandas(),
        pd.read_parquet(folder),
        pl.read_parquet(folder / "*" / "*.parquet", hive_partitioning=True).to_pandas(),
        duckdb.read_parquet(f"{folder}/*/*.parquet", hive_partitioning=True).df(),
    ]
    for frame in frames:
        assert sorted(frame.columns) == ["n", "pickup_datetime", "trip_month"]
        found = frame["trip_month"].astype(str).str[:10].value_counts().to_dict()
        assert found == counts


def test_a_copied_file_keeps_its_facts_and_descriptions(target: ParquetTarget, tmp_path: Path) -> None:
    said = pa.field("n", pa.int64(), metadata={"description": "Números", "other": "dropped"})
    table = rows(3).cast(rows(3).schema.set(0, said))
    target.replace(TABLE, JANUARY, table.to_reader(), {"version": "é"})
    (tmp_path / "copy").mkdir()
    (tmp_path / TABLE).rename(tmp_path / "copy" / "green_trips")
    copied = target.partitions("copy/green_trips")[JANUARY]
    assert (copied.rows, dict(copied.facts)) == (3, {"version": "é"})
    assert target.read("copy/green_trips").schema.field("n").metadata == {b"description": "Números".encode()}


def test_a_remote_table_is_listed_without_opening_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_gcs(tmp_path / "gcs") as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.endpoint)
        server.create_bucket("lake-bucket")
        target = ParquetTarget(url="gs://lake-bucket/a/b")
        target.replace(TABLE, JANUARY, rows(3).to_reader(), {"version": "1"})

        def opened(*_: object, **__: object) -> None:
            raise AssertionError("opened a file")

        monkeypatch.setattr(pq, "read_metadata", opened)
        held = target.partitions(TABLE)[JANUARY]
        assert (held.rows, held.version) == (3, "1")
        assert target.uri(TABLE, JANUARY) == (
            "gs://lake-bucket/a/b/lake/green_trips/trip_month=2024-01-01/green_trips.parquet"
        )


def test_small_batches_become_one_row_group(target: ParquetTarget) -> None:
    target.replace(TABLE, JANUARY, rows(5000).to_reader(max_chunksize=10))
    small = ParquetTarget(url=target.url, row_group_rows=1000)
    small.replace(TABLE, FEBRUARY, rows(5000).to_reader(max_chunksize=100))
    groups = [pq.read_metadata(target.uri(TABLE, month)).num_row_groups for month in (JANUARY, FEBRUARY)]
    assert groups == [1, 5]


def test_who_is_reading_a_month_reads_it_to_its_end_while_it_is_replaced(target: ParquetTarget) -> None:
    target.replace(TABLE, JANUARY, rows(300_000).to_reader())
    stream = target.read(TABLE)
    first = stream.read_next_batch()
    target.replace(TABLE, JANUARY, rows(1).to_reader())
    assert first.num_rows + sum(batch.num_rows for batch in stream) == 300_000


def test_a_whole_month_and_single_months_are_not_mixed_in_one_table(target: ParquetTarget) -> None:
    target.replace(TABLE, JANUARY, rows(3).to_reader())
    with pytest.raises(TargetError, match="has partitions"):
        target.replace(TABLE, None, rows(3).to_reader())
    assert target.partitions(TABLE)[JANUARY].rows == 3


@pytest.mark.parametrize("table", ["_hidden", "a/.b", "a=1/b"])
def test_a_name_that_readers_would_misread_is_refused(target: ParquetTarget, table: str) -> None:
    with pytest.raises(TargetError, match="can't be a table"):
        target.replace(table, JANUARY, rows(1).to_reader())


_LARGE = """
import resource, sys
from datetime import date
import numpy as np, pyarrow as pa
from taxi_assets.targets.parquet import ParquetTarget
rng = np.random.default_rng(0)
def batch(n=65_536):
    money = {f"f{k}": np.round(rng.exponential(10, n), 2) for k in range(20)}
    moment = rng.integers(0, 31 * 86400, n) * 1_000_000 + 1_704_067_200_000_000
    return pa.record_batch({"t": pa.array(moment.astype("datetime64[us]")), **money})
schema = batch(1).schema
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
target = ParquetTarget(url=sys.argv[1], partition_by_day=sys.argv[2] or None)
stream = pa.RecordBatchReader.from_batches(schema, (batch() for _ in range(60)))
target.replace("t", date(2024, 1, 1), stream)
assert sum(b.num_rows for b in target.read("t")) == 60 * 65_536
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("by_day", ["", "t"])
def test_a_large_month_is_written_and_read_in_bounded_memory(tmp_path: Path, by_day: str) -> None:
    # 4 million rows of 21 columns are 660 MB; 20 million take no more than these do.
    done = subprocess.run(
        [sys.executable, "-c", _LARGE, str(tmp_path), by_day],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 400
