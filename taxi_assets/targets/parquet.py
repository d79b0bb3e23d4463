"""Hive-partitioned Parquet in a directory or under ``gs://bucket/prefix``.

Layout, and why:

- One object a partition, ``<table>/trip_month=2024-01-01/<last part of table>.parquet``. Replacing it is one
  rename or one put, the only thing that both kinds of store do atomically; with one object there can
  be no second one left over. The partition column is not in the file: hive readers add it from the folder's
  name, and pandas and pyarrow refuse a column that is in both.
- Facts and row count are in the footer, so a copied file keeps them. On gs:// they are also the object's
  metadata, so that listing a table opens no file. Facts count only while the file has those rows.
- ``partition_by_day`` cuts a month into one file a day, which no store replaces at once. So every
  object's name carries the version that it belongs to, and ``_manifest.json``, put last, names
  the objects that count. Our ``read`` follows the manifest. A reader that goes by folders alone sees both
  versions from the first put of the new until the old are deleted, right after the manifest. Objects of
  writers that died are deleted by the next replace: of this host at once, of another host after a day,
  because only on its own host can a lock tell the dead from the living.
"""

import shutil
import time
import uuid
from collections.abc import Sequence
from datetime import date
from typing import ClassVar

import pyarrow as pa

from taxi_assets.targets.arrow_schema import check_fits, check_stream, plain_schema, union
from taxi_assets.targets.objects import ObjectStore, open_objects
from taxi_assets.targets.offered import fetched
from taxi_assets.targets.parquet_copy import copyable, write_copy
from taxi_assets.targets.parquet_days import day_column, publish_days, replacing
from taxi_assets.targets.parquet_layout import Layout, Standing, written_metadata
from taxi_assets.targets.parquet_read import read_table
from taxi_assets.targets.parquet_totals import totals_of_partition
from taxi_assets.targets.parquet_whole import new_file, offer, publish_whole
from taxi_assets.targets.parquet_write import Style, copy_stream, writing, writing_daily
from taxi_assets.targets.sums import literal
from taxi_assets.targets.target import (
    EXAMPLE_ROWS,
    Condition,
    Facts,
    Held,
    Objects,
    Report,
    Target,
    TargetError,
    Totals,
)


class ParquetTarget(Target):
    """Tables as hive-partitioned Parquet.

    Attributes:
        url: A directory, ``file:///directory`` or ``gs://bucket/prefix``.
        compression: Codec of the files.
        compression_level: Level of the codec; zstd 1 writes as fast as snappy and a fifth smaller.
        row_group_rows: Most rows in a row group; fewer where 128 MiB are reached first. Two are in memory,
            one gathered and one encoded: twice as many rows take 50 MB more, and no less time.
        partition_by_day: A timestamp or date column: inside each partition, one folder per date of it, named
            ``lpep_pickup_date=`` for ``lpep_pickup_datetime``. None writes one file.
    """

    storage_kind: ClassVar[str] = "parquet"

    url: str
    compression: str = "zstd"
    compression_level: int | None = 1
    row_group_rows: int = 131_072
    partition_by_day: str | None = None

    def replace(
        self, table: str, partition: date | None, stream: pa.RecordBatchReader, facts: Facts | None = None
    ) -> Report:
        """Write the rows to scratch files, then publish them in one step."""
        layout = self.layout(table)
        check_stream(table, stream.schema, self.partition_column)
        layout.objects.clean()
        standing = layout.described()
        schema = self._fitting_schema(layout, standing, partition, stream.schema)
        replaced = standing.get(partition)
        if self.partition_by_day:
            written = self._replace_days(layout, partition, stream, schema, facts or {})
        else:
            written = self._replace_whole(layout, partition, stream, schema, facts or {})
        rows, size, seconds = written
        return Report(rows, size, replaced[0].rows if replaced else None, seconds)

    def replace_from(
        self, table: str, partition: date | None, objects: Objects, facts: Facts | None = None
    ) -> Report | None:
        """Copy the pages of the one file that the partition is, if we would write the same; see there."""
        whole = len(objects.uris) == 1 and not self.partition_by_day
        if not whole or objects.files is None or not objects.lie_in(self.partition_column, partition):
            return None
        layout = self.layout(table)
        check_stream(table, objects.schema, self.partition_column)
        layout.objects.clean()
        standing = layout.described()
        schema = self._fitting_schema(layout, standing, partition, objects.schema)
        if not schema.equals(objects.schema, check_metadata=True):
            return None
        started, path = time.monotonic(), new_file(layout)
        metadata = written_metadata(objects.rows, facts or {})
        with fetched(objects) as (file,):
            if not copyable(file, schema, self._style()):
                return None
            write_copy(file, path, schema, metadata)
        copied = time.monotonic()
        size = publish_whole(layout, partition, path, metadata)
        replaced = standing.get(partition)
        seconds = {"copy": copied - started, "publish": time.monotonic() - copied}
        return Report(objects.rows, size, replaced[0].rows if replaced else None, seconds)

    def read(
        self,
        table: str,
        partitions: Sequence[date] | None = None,
        columns: Sequence[str] | None = None,
        where: Sequence[Condition] = (),
    ) -> pa.RecordBatchReader:
        """Stream rows; a month is opened whole, so replacing it does not disturb who reads it."""
        return read_table(self.layout(table), partitions, columns, where)

    def partitions(self, table: str) -> dict[date | None, Held]:
        """What stands, by the objects that are there."""
        return {partition: one.held for partition, one in self.layout(table).snapshots().items()}

    def held(self, table: str, partition: date | None) -> Held | None:
        """One partition, by looking at its objects alone."""
        snapshot = self.layout(table).snapshot(partition)
        return snapshot.held if snapshot else None

    def totals(self, table: str, partition: date | None, columns: Sequence[str]) -> Totals:
        """Add up the columns of the stored files."""
        return totals_of_partition(self.layout(table), partition, columns)

    def uri(self, table: str, partition: date | None = None) -> str:
        """The partition's object, or the folder of the table or of a partition cut by day."""
        layout = self.layout(table)
        if partition is None or self.partition_by_day:
            return layout.objects.uri(layout.folder(partition))
        return layout.objects.uri(layout.whole(partition))

    def example_query(self, table: str, partition: date | None) -> str:
        """For DuckDB; a path of gs:// needs its extension httpfs, or a file system that is registered."""
        files = literal(self._files(table, partition))
        return f"SELECT * FROM read_parquet({files}, hive_partitioning = true) LIMIT {EXAMPLE_ROWS}"  # noqa: S608

    def example_python(self, table: str, partition: date | None) -> str:
        """For pyarrow, which reads directories and gs:// alike, and pandas."""
        layout = self.layout(table)
        place = layout.folder(partition) if self.partition_by_day else layout.whole(partition)
        found = layout.objects.uri(place)
        return f"import pyarrow.parquet as pq; rows = pq.read_table({found!r}).to_pandas()"

    def _files(self, table: str, partition: date | None) -> str:
        """The partition's objects as a pattern; while a month cut by day is replaced, of both versions."""
        layout = self.layout(table)
        if not self.partition_by_day:
            return layout.objects.uri(layout.whole(partition))
        return f"{layout.objects.uri(layout.folder(partition))}/*/*.parquet"

    def objects(self, table: str, partition: date | None) -> Objects | None:
        """Exactly the objects that count now."""
        layout = self.layout(table)
        snapshot = layout.snapshot(partition)
        return offer(layout, snapshot) if snapshot else None

    def table_name(self, asset_key: Sequence[str]) -> str:
        """The whole key, as folders nest."""
        return "/".join(asset_key)

    def layout(self, table: str) -> Layout:
        """Names and objects of a table: which files a partition is made of."""
        return Layout(self._objects(), table, self.partition_column)

    def _objects(self) -> ObjectStore:
        return open_objects(self.url)

    def _style(self) -> Style:
        return Style(self.compression, self.compression_level, self.row_group_rows)

    def _fitting_schema(
        self,
        layout: Layout,
        standing: Standing,
        partition: date | None,
        schema: pa.Schema,
    ) -> pa.Schema:
        """The stream's columns, then those that only other partitions have; TargetError on another type."""
        if standing and (partition is None) != (None in standing):
            kind = "no partitions" if partition is not None else "partitions"
            raise TargetError(f"{layout.table} has {kind}; write {partition} to a table of another name")
        newest_first = reversed([one for one in standing if one != partition])
        others: dict[int, tuple[str, pa.Schema]] = {}  # months of the same columns share one schema object
        for other in newest_first:
            known = standing[other][1]
            others.setdefault(id(known), (str(other), known))
        new = plain_schema(schema)
        check_fits(layout.table, list(others.values()), str(partition), new)
        return union([new, *(known for _, known in others.values())])

    def _replace_whole(
        self,
        layout: Layout,
        partition: date | None,
        stream: pa.RecordBatchReader,
        schema: pa.Schema,
        facts: Facts,
    ) -> tuple[int, int, dict[str, float]]:
        started = time.monotonic()
        path = new_file(layout)
        with writing(path, schema, self._style()) as writer:
            copy_stream(stream, schema, writer)
            metadata = written_metadata(writer.rows, facts)
            writer.finish(metadata)
        wrote = time.monotonic()
        size = publish_whole(layout, partition, path, metadata)
        return writer.rows, size, {"write": wrote - started, "publish": time.monotonic() - wrote}

    def _replace_days(
        self,
        layout: Layout,
        partition: date | None,
        stream: pa.RecordBatchReader,
        schema: pa.Schema,
        facts: Facts,
    ) -> tuple[int, int, dict[str, float]]:
        column = day_column(layout.table, self.partition_by_day or "", schema)
        started = time.monotonic()
        directory = layout.objects.scratch() / uuid.uuid4().hex
        directory.mkdir()
        try:
            with replacing(layout, partition):
                with writing_daily(directory, schema, self._style(), column, facts) as writer:
                    copy_stream(stream, schema, writer)
                    files = writer.finish()
                wrote = time.monotonic()
                size = publish_days(layout, partition, column, files, writer.rows, facts)
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        return writer.rows, size, {"write": wrote - started, "publish": time.monotonic() - wrote}
