"""Any published file of any era as canonical rows: without loss, or with a loud error.

The file's columns are matched with the schema table by name (whatever their case), then each one gets a
DuckDB expression out of ``conversions.py`` that turns it into the canonical type. A value that would not
survive (7.5 passengers, a pickup in the year 12000) stops the stream; only then is the file asked again
for how many such values there are, and for one of them, so that a good file pays nothing for it.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from taxi_assets.tlc.column import Column
from taxi_assets.tlc.conversions import Conversion, convert, published_type
from taxi_assets.tlc.csv_copy import UNREADABLE_CSV, csv_as_parquet, csv_header, is_csv
from taxi_assets.tlc.schema import (
    CSV_LACKS,
    IGNORED_COLUMNS,
    canonical_schema,
    columns,
    published_columns,
)
from taxi_assets.tlc.services import SERVICES, ServiceName, month_key

BATCH_ROWS = 65_536
"""Rows of a batch: large enough that Python costs nothing, 12 MB at 25 columns."""


# Short of memory or disk: no fault of the file, and a retry may help.
_MACHINE_FAULTS = ("Out of Memory", "No space left", "Disk quota exceeded", "Too many open files")


class NonConforming(Exception):  # noqa: N818 - it is a verdict on the file
    """A published file isn't what the schema table says; says which column, how often, and the fix."""


@dataclass(frozen=True)
class PublishedFile:
    """A published file that is open for reading: its columns are known to be the right ones.

    Attributes:
        name: The published name, for messages.
        path: Parquet to read: the file itself, or a CSV file's rows as strings.
        service: Whose file it is.
        month: Of which month.
        conversions: One per canonical column, in canonical order.
        rows: Rows in the file, by its footer.
    """

    name: str
    path: Path
    service: ServiceName
    month: date
    conversions: tuple[Conversion, ...]
    rows: int

    def select(self, *extra: str) -> str:
        """SQL of the canonical rows, plus ``extra`` select terms; reads the variable ``file``."""
        terms = [f"{conversion.sql} AS {conversion.column.name}" for conversion in self.conversions]
        return f"SELECT {', '.join([*terms, *extra])} FROM {SCAN}"  # noqa: S608 - built from the schema table

    def diagnose(self, connection: duckdb.DuckDBPyConnection, error: Exception) -> NonConforming:
        """Say why reading failed: which columns, how many values, one of them, what would be right."""
        guarded = [conversion for conversion in self.conversions if conversion.misfit]
        terms = [
            f"count(*) FILTER ({c.misfit}), any_value({c.source}::VARCHAR) FILTER ({c.misfit})"
            for c in guarded
        ]
        try:
            connection = connection.cursor()
            connection.execute("SET VARIABLE file = ?", [str(self.path)])  # cursors don't inherit variables
            found = connection.execute(f"SELECT {', '.join(terms)} FROM {SCAN}").fetchall()[0]  # noqa: S608
        except duckdb.Error:  # damaged pages; an internal error leaves a database that answers nothing more
            found = ()
        problems = [
            f"column {c.raw_name!r}: {found[2 * i]:,} of {self.rows:,} values are not {c.expected}, "
            f"for example {found[2 * i + 1]!r}"
            for i, c in enumerate(guarded)
            if found and found[2 * i]
        ]
        if problems:
            fix = "nothing was stored; if the TLC changed its types, change taxi_assets/tlc/schema.py"
            return NonConforming(f"{self.name}: {'; '.join([*problems, fix])}.")
        return NonConforming(
            f"{self.name}: its pages can't be decoded ({_first_line(error)}); fetch it again."
        )

    @contextmanager
    def reading(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Let what fails while this file is read be told as the file's fault, column by column.

        DuckDB raises its own errors up to a stream's first batch, and through Arrow an OSError after it.
        """
        try:
            yield
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            if any(sign in str(error) for sign in _MACHINE_FAULTS):
                raise
            raise self.diagnose(connection, error) from error

    def stream(self, connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[pa.RecordBatch]:
        """Run a query over this file as batches, in memory that does not grow with the file.

        Raises:
            NonConforming: A value can't be converted without loss, or the file's pages are damaged.
        """
        with self.reading(connection):
            yield from connection.sql(sql).to_arrow_reader(BATCH_ROWS)


SCAN = "read_parquet(getvariable('file'), file_row_number = true, hive_partitioning = false)"
"""The file whose path is the variable ``file``; the lake's ``trip_month=…`` folder is none of its columns."""


def open_published(
    path: Path, service: ServiceName, month: date, scratch: Path, connection: duckdb.DuckDBPyConnection
) -> PublishedFile:
    """Open a published Parquet, csv.gz or csv file, and check its columns against the schema table.

    Args:
        path: The file; its name's ending tells the format.
        service: Whose file it should be.
        month: Of which month.
        scratch: Directory for a CSV file's rows as Parquet; the caller deletes it.
        connection: Where the file will be read.

    Raises:
        NonConforming: Not a readable file, or a column is unknown, missing or of an impossible type.
    """
    from_csv = is_csv(path.name)
    readable = _csv_as_parquet(path, scratch, connection) if from_csv else path
    try:
        footer = pq.read_metadata(readable)
        schema = footer.schema.to_arrow_schema()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise NonConforming(
            f"{path.name}: not a readable Parquet file ({_first_line(error)}); fetch it again."
        ) from error
    connection.execute("SET VARIABLE file = ?", [str(readable)])
    conversions = _match(path.name, schema, service, month, CSV_LACKS[service] if from_csv else frozenset())
    return PublishedFile(path.name, readable, service, month, conversions, footer.num_rows)


def conform(
    path: Path, service: ServiceName, month: date, scratch: Path, connection: duckdb.DuckDBPyConnection
) -> pa.RecordBatchReader:
    """Stream a published file as canonical rows, none left out."""
    published = open_published(path, service, month, scratch, connection)
    schema = canonical_schema(service)
    batches = published.stream(connection, published.select())
    return pa.RecordBatchReader.from_batches(
        schema, (pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in batches)
    )


def _csv_as_parquet(path: Path, scratch: Path, connection: duckdb.DuckDBPyConnection) -> Path:
    target = scratch / f"{path.name}.parquet"
    try:
        names = csv_header(path)
        if repeated := _repeated(names):
            raise NonConforming(f"{path.name}: {'; '.join(repeated)}.")
        csv_as_parquet(path, names, target, connection)
    except UNREADABLE_CSV as error:
        raise NonConforming(
            f"{path.name}: not a readable CSV file ({_first_line(error)}); fetch it again."
        ) from error
    return target


def _repeated(names: Iterable[str]) -> list[str]:
    """A problem for each name that stands for two columns: one of them would be lost in silence."""
    counts = Counter(name.strip().casefold() for name in names)
    return [f"column {name!r} is there {count} times" for name, count in counts.items() if count > 1]


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _match(
    file: str, schema: pa.Schema, service: ServiceName, month: date, may_lack: frozenset[str]
) -> tuple[Conversion, ...]:
    """Find the file's column for each canonical one; every problem of the file in one error."""
    expected = published_columns(service, month)
    fields = {field.name.strip().casefold(): field for field in schema}
    matched = {
        column: fields.pop(name)
        for column, era in expected.items()
        if era.name and (name := era.name.casefold()) in fields
    }
    matched |= {
        column: fields.pop(alias)
        for column in columns(service)
        if column not in matched
        for alias in sorted(column.aliases(service) & fields.keys())[:1]
    }
    problems = _repeated(schema.names)
    problems += [
        _missing(column, service, month)
        for column in expected
        if column not in matched and column.name not in may_lack
    ]
    problems += [
        _unknown(field, service, month) for name, field in fields.items() if name not in IGNORED_COLUMNS
    ]
    if problems:
        if other := _guess_service(schema, service, month):
            problems = [f"its columns are those of {other}, not of {service}; fetch the file of {service}"]
        raise NonConforming(f"{file}: {'; '.join(problems)}.")
    try:
        return tuple(convert(column, matched.get(column)) for column in columns(service))
    except TypeError as error:
        raise NonConforming(f"{file}: {error}.") from None


def _missing(column: Column, service: ServiceName, month: date) -> str:
    era = column.published(service, month)
    name = era.name if era else column.name
    return (
        f"column {name!r} is missing; if the TLC dropped it, add ', {month_key(month)} -' to the {service} "
        f"line of {column.name!r} in taxi_assets/tlc/schema.py"
    )


def _unknown(field: pa.Field, service: ServiceName, month: date) -> str:
    kind, parquet_type = published_type(field.type)
    era = f"{month_key(month)} {field.name} {parquet_type}"
    name = re.sub(r"\W+", "_", field.name.strip().lower())
    line = f'column("{name}", "{kind}", "unit", "meaning", {service}={json.dumps(era)})'
    return (
        f"column {field.name!r} ({field.type}) is unknown; if the TLC added it, "
        f"add to taxi_assets/tlc/schema.py: {line}"
    )


def _guess_service(schema: pa.Schema, service: ServiceName, month: date) -> ServiceName | None:
    """Name the service whose columns the file has, if it is another one."""
    names = {name.strip().casefold() for name in schema.names}
    shares: Mapping[ServiceName, int] = {
        other: len(
            names & {era.name.casefold() for era in published_columns(other, month).values() if era.name}
        )
        for other in SERVICES
    }
    best = max(shares, key=lambda other: shares[other])
    return best if shares[best] > shares[service] else None
