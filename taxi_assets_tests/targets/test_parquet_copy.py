"""A lake takes another lake's file by its pages: byte for byte, if it would have written the same."""

import os
from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taxi_assets.targets.offered import fetched, head_of
from taxi_assets.targets.parquet import ParquetTarget
from taxi_assets.targets.parquet_copy import copyable, write_copy
from taxi_assets.targets.parquet_write import Style
from taxi_assets.targets.target import Objects
from taxi_assets_tests.contract.rows import FEBRUARY, JANUARY, bag, trips

ROWS = trips(5000, 1)
STYLE = Style("zstd", 1, 2000)


def lake(directory: Path, **fields: Any) -> ParquetTarget:
    return ParquetTarget(url=str(directory), **{"row_group_rows": 2000, **fields})


def offer(source: ParquetTarget, rows: pa.Table = ROWS, month: date = JANUARY) -> Objects:
    source.replace("cleaned/trips", month, rows.to_reader(1000), {"version": "1", "profile": "long"})
    objects = source.objects("cleaned/trips", month)
    assert objects is not None
    return objects


def of_file(path: Path, like: Objects) -> Objects:
    """An offer of a file that somebody else has written."""
    return replace(like, rows=pq.read_metadata(path).num_rows, files=lambda: nullcontext([path]))


def file_of(directory: Path, table: str) -> Path:
    return directory / table / "trip_month=2024-01-01" / "trips.parquet"


def test_pages_are_the_same_bytes_and_the_footer_says_only_the_new_facts(tmp_path: Path) -> None:
    target = lake(tmp_path)
    report = target.replace_from("lake/trips", JANUARY, offer(target), {"version": "2"})
    assert report is not None
    assert list(report.seconds) == ["copy", "publish"]
    before, after = file_of(tmp_path, "cleaned/trips"), file_of(tmp_path, "lake/trips")
    old, new = pq.read_metadata(before), pq.read_metadata(after)
    pages = before.stat().st_size - old.serialized_size - 8
    assert after.read_bytes()[:pages] == before.read_bytes()[:pages]
    assert report.bytes == after.stat().st_size == pages + new.serialized_size + 8
    assert new.metadata[b"facts"] == b'{"version": "2"}'
    assert set(new.metadata) == set(old.metadata)
    groups = range(old.num_row_groups)
    assert [new.row_group(n).to_dict() for n in groups] == [old.row_group(n).to_dict() for n in groups]
    assert (new.num_rows, new.schema, new.created_by) == (old.num_rows, old.schema, old.created_by)


def test_every_reader_finds_the_rows_in_a_copied_file(tmp_path: Path) -> None:
    target = lake(tmp_path)
    assert target.replace_from("lake/trips", JANUARY, offer(target), {}) is not None
    path = file_of(tmp_path, "lake/trips")
    assert pq.ParquetFile(path).read().equals(ROWS)
    pd.testing.assert_frame_equal(pd.read_parquet(path, partitioning=None), ROWS.to_pandas())
    with duckdb.connect() as connection:
        query = f"SELECT * FROM read_parquet('{path}', hive_partitioning = false) WHERE fare_amount > 50"
        found = connection.sql(query).to_arrow_table()
    wanted = [row for row in ROWS.to_pylist() if row["fare_amount"] > 50]
    assert bag(found) == bag(pa.Table.from_pylist(wanted, ROWS.schema))
    assert target.read("lake/trips", where=[("fare_amount", ">", 99.0)]).read_all().num_rows > 0


@pytest.mark.parametrize(
    "fields",
    [
        {"compression": "snappy", "compression_level": None},
        {"row_group_rows": 1000},
        {"row_group_rows": 100_000},
    ],
    ids=["another codec", "smaller row groups", "much larger row groups"],
)
def test_a_file_of_another_form_is_handed_back(tmp_path: Path, fields: dict[str, Any]) -> None:
    objects = offer(lake(tmp_path, row_group_rows=1500))
    assert lake(tmp_path, **fields).replace_from("lake/trips", JANUARY, objects) is None
    assert lake(tmp_path).partitions("lake/trips") == {}
    assert not [path for path in (tmp_path / ".scratch").rglob("*.parquet") if path.is_file()]


def test_a_month_that_is_cut_by_day_here_or_there_is_handed_back(tmp_path: Path) -> None:
    by_day = lake(tmp_path, partition_by_day="pickup_datetime")
    assert by_day.replace_from("lake/trips", JANUARY, offer(lake(tmp_path))) is None
    assert lake(tmp_path).replace_from("lake/trips", JANUARY, offer(by_day)) is None


def test_columns_or_words_that_differ_from_the_tables_are_handed_back(tmp_path: Path) -> None:
    target = lake(tmp_path)
    fee = trips(5, 1, FEBRUARY).append_column("fee", pa.array([0.5] * 5))
    target.replace("lake/trips", FEBRUARY, fee.to_reader())
    assert target.replace_from("lake/trips", JANUARY, offer(target)) is None


def test_a_file_of_another_writer_is_handed_back(tmp_path: Path) -> None:
    objects, path = offer(lake(tmp_path)), tmp_path / "theirs.parquet"
    with duckdb.connect() as connection:
        connection.register("rows", ROWS)
        connection.execute(f"COPY rows TO '{path}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 2000)")
    assert lake(tmp_path).replace_from("lake/trips", JANUARY, of_file(path, objects)) is None


@pytest.mark.parametrize("by_the_kernel", [True, False])
def test_indexes_of_pages_come_along_whoever_copies(
    tmp_path: Path, by_the_kernel: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not by_the_kernel:
        monkeypatch.delattr(os, "copy_file_range")
    objects, path = offer(lake(tmp_path)), tmp_path / "indexed.parquet"
    pq.write_table(ROWS, path, row_group_size=2000, compression="zstd", write_page_index=True)
    assert lake(tmp_path).replace_from("lake/trips", JANUARY, of_file(path, objects)) is not None
    copy = file_of(tmp_path, "lake/trips")
    assert pq.read_metadata(copy).row_group(1).column(1).has_column_index
    assert pq.ParquetFile(copy).read().equals(ROWS)


def test_the_first_rows_are_seen_without_reading_the_rest(tmp_path: Path) -> None:
    objects = offer(lake(tmp_path))
    head = head_of(objects, 5)
    assert head is not None
    assert head.equals(ROWS.slice(0, 5))
    assert head_of(objects, 0) is None
    offer(lake(tmp_path), trips(3, 2))
    assert head_of(objects, 5) is None, "another version's rows"


KINDS = st.recursive(
    st.sampled_from([pa.int8(), pa.uint64(), pa.float32(), pa.string(), pa.large_string(), pa.timestamp("ns"),
                     pa.timestamp("us", "UTC"), pa.time32("ms"), pa.duration("s"), pa.decimal128(30, 4),
                     pa.dictionary(pa.int32(), pa.string()), pa.binary(3), pa.bool_()]),
    lambda kind: kind.map(pa.list_) | kind.map(lambda one: pa.struct([("x", one), ("y", pa.int64())])),
    max_leaves=3,
)  # fmt: skip


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(kinds=st.lists(KINDS, min_size=1, max_size=4), rows=st.sampled_from([0, 1, 7]))
def test_a_copied_file_reads_as_the_original_whatever_its_columns(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[pa.DataType], rows: int
) -> None:
    directory = tmp_path_factory.mktemp("kinds")
    table = pa.table({f"c {n}": pa.nulls(rows, kind) for n, kind in enumerate(kinds)})
    path, copy = directory / "a.parquet", directory / "b.parquet"
    pq.write_table(table, path, compression="zstd")
    objects = Objects(("file:///a",), "file:///", table.schema, rows, files=lambda: nullcontext([path]))
    with fetched(objects) as (file,):
        assert copyable(file, table.schema, STYLE)
        write_copy(file, copy, table.schema, {"facts": "{}"})
    found = pq.ParquetFile(copy)
    assert found.metadata.metadata[b"facts"] == b"{}"
    assert found.read().equals(pq.ParquetFile(path).read())
