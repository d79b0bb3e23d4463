"""Writes synthetic months as files: Parquet as published, and the csv.gz copies of 2019 to 2021.

A month is made chunk by chunk, each with a generator of its own, so that memory is bounded whatever the
month's size, and every chunk is the same in every run.
"""

import gzip
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from taxi_assets.tlc.schema import CSV_LACKS
from taxi_assets.tlc.services import SERVICES, Service, month_key
from taxi_assets.tlc.synthetic.chunk import Chunk
from taxi_assets.tlc.synthetic.dirt import MonthCounts, make_null_block, month_counts, put_dirt
from taxi_assets.tlc.synthetic.for_hire import make_fhv, make_fhvhv
from taxi_assets.tlc.synthetic.published_form import (
    filled_columns,
    published_form,
    published_schema,
    to_published,
)
from taxi_assets.tlc.synthetic.taxi import make_taxi
from taxi_assets.tlc.synthetic.trips import make_trips

CHUNK_ROWS = 1 << 17
GROUP_ROWS = 1 << 20
"""Rows of a row group at most: the real fhvhv months have about 22 groups for 20 million rows."""

_CSV_YEARS = range(2019, 2022)


def write_month(path: Path, service: Service, month: date, rows: int = 60_000, seed: int = 0) -> MonthCounts:
    """Write a month's Parquet file as the TLC publishes it.

    Args:
        path: The file to write.
        service: Whose trips.
        month: First day of the month; decides names and types of the columns.
        rows: Exact number of rows.
        seed: Another one gives other rows with the same counts.

    Returns:
        How many rows of which kind of dirt the file has.

    Raises:
        ValueError: Not a month of the service, or a negative number of rows.
    """
    counts = _checked_counts(service, month, rows)
    schema = published_schema(service.name, month)
    with pq.ParquetWriter(path, schema, compression="zstd", compression_level=1) as writer:
        _write_groups(writer, batches(service, month, rows, seed))
    return counts


def write_csv_month(
    path: Path, service: Service, month: date, rows: int = 60_000, seed: int = 0
) -> MonthCounts:
    """Write a month as a csv.gz copy, the form of 2019 to 2021: the same rows, fewer columns, no types.

    Arguments and result are those of ``write_month``.

    Raises:
        ValueError: As ``write_month``, and a month outside the years of the copies.
    """
    counts = _checked_counts(service, month, rows)
    if month.year not in _CSV_YEARS:
        raise ValueError(f"there are CSV copies of 2019 to 2021 only, not of {month_key(month)}")
    form = published_form(service.name, month)
    kept = [number for number, name in enumerate(form) if name not in CSV_LACKS[service.name]]
    schema = pa.schema([_csv_field(published_schema(service.name, month).field(number)) for number in kept])
    options = pa.csv.WriteOptions(quoting_style="none", quoting_header="none")
    # mtime=0: the same rows are the same bytes.
    with (
        path.open("wb") as file,
        gzip.GzipFile("", "wb", compresslevel=1, fileobj=file, mtime=0) as packed,
        pa.csv.CSVWriter(packed, schema, write_options=options) as writer,
    ):
        for batch in batches(service, month, rows, seed):
            writer.write_batch(batch.select(kept).cast(schema))
    return counts


def batches(service: Service, month: date, rows: int, seed: int = 0) -> Iterator[pa.RecordBatch]:
    """The rows of a month in their published form, at most ``CHUNK_ROWS`` at a time.

    Raises:
        ValueError: Not a month of the service, or a negative number of rows.
    """
    counts = _checked_counts(service, month, rows)
    return _batches(service, month, counts, seed)


def _batches(service: Service, month: date, counts: MonthCounts, seed: int) -> Iterator[pa.RecordBatch]:
    # The dispatched trips stand at the file's end, as in the real ones.
    body = counts.rows - counts.null_block
    number = 0
    for start, total, dispatched in ((0, body, False), (body, counts.null_block, True)):
        parts = -(-total // CHUNK_ROWS)
        for part in range(parts):
            first, end = total * part // parts, total * (part + 1) // parts
            chunk = Chunk(service.name, month, end - first, _generator(service, month, seed, number))
            _fill(chunk, first, total)
            if dispatched:
                make_null_block(chunk)
            else:
                put_dirt(chunk, counts, (part, parts))
            yield to_published(chunk, start + first)
            number += 1


def _generator(service: Service, month: date, seed: int, number: int) -> np.random.Generator:
    key = [seed, list(SERVICES).index(service.name), month.toordinal(), number]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


def _fill(chunk: Chunk, first: int, total: int) -> None:
    make_trips(chunk, first, total)
    if chunk.service == "fhv":
        make_fhv(chunk, first)
    elif chunk.service == "fhvhv":
        make_fhvhv(chunk)
    else:
        make_taxi(chunk, filled_columns(chunk.service, chunk.month))


def _write_groups(writer: pq.ParquetWriter, stream: Iterator[pa.RecordBatch]) -> None:
    """Gather batches until they would be more than a row group; one group is in memory at a time."""
    gathered: list[pa.RecordBatch] = []
    for batch in stream:
        if sum(one.num_rows for one in gathered) + batch.num_rows > GROUP_ROWS:
            writer.write_table(pa.Table.from_batches(gathered), row_group_size=GROUP_ROWS)
            gathered.clear()
        gathered.append(batch)
    if gathered:
        writer.write_table(pa.Table.from_batches(gathered), row_group_size=GROUP_ROWS)


def _csv_field(field: pa.Field) -> pa.Field:
    if pa.types.is_timestamp(field.type):
        return field.with_type(pa.timestamp("s"))  # written without a fraction, as in the copies
    return field.with_type(pa.string()) if pa.types.is_null(field.type) else field


def _checked_counts(service: Service, month: date, rows: int) -> MonthCounts:
    if month.day != 1 or month < service.first_month:
        raise ValueError(f"{month} is no month of {service.name}: they begin with {service.first_month}")
    if rows < 0:
        raise ValueError(f"a month can't have {rows} rows")
    return month_counts(service, month, rows)
