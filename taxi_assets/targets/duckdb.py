"""Tables in a DuckDB file: a month is replaced in one transaction.

The file is open only while something is done with it, because DuckDB lets one process at a time have it:
whoever finds it taken waits, up to ``lock_timeout_s``. Within a process all connections share one
instance, and readers have a snapshot each. A stream from ``read`` keeps the file until it is read to its
end, closed, or no longer referred to; don't keep half-read ones.

A partition without rows leaves no trace in a table, and facts have no place in one, so a ledger table,
``_partitions``, is kept in the same transaction.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial
from typing import ClassVar

import duckdb
import pyarrow as pa

from taxi_assets.targets.arrow_schema import check_fits, check_stream, fitted, plain_schema
from taxi_assets.targets.duckdb_file import (
    FILES_MEMORY,
    STREAM_MEMORY,
    Connection,
    duckdb_path,
    opened,
    save_memory,
    write_lock,
)
from taxi_assets.targets.duckdb_incoming import Incoming
from taxi_assets.targets.duckdb_read import BATCH_ROWS, batches, planned
from taxi_assets.targets.duckdb_sql import Table
from taxi_assets.targets.offered import fetched
from taxi_assets.targets.selecting import checked_select
from taxi_assets.targets.sums import no_rows, quoted, sum_query, totals_of
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
from taxi_assets.targets.wanted import still_wanted

_REFUSED = (
    duckdb.ProgrammingError,  # a table or column that is not there
    duckdb.DataError,  # a value that can't be converted
    duckdb.TransactionException,  # it would write
)
"""Of a query, whenever it is asked."""


class DuckDBTarget(Target):
    """Tables in a DuckDB file.

    Attributes:
        url: ``duckdb:////absolute/path.duckdb`` or ``duckdb:///relative.duckdb``.
        schema_name: Schema of the tables.
        lock_timeout_s: How long to wait for another process that has the file.
        memory_limit: What DuckDB may use for queries; it spills to disk beyond. Loads and sums take less.
    """

    dialect: ClassVar[str] = "duckdb"
    storage_kind: ClassVar[str] = "duckdb"

    url: str
    schema_name: str = "main"
    lock_timeout_s: float = 60.0
    memory_limit: str = "1GB"

    def connect(self) -> Connection:
        """A connection to use in a ``with`` block, and briefly; waits while another process has the file."""
        return opened(duckdb_path(self.url), self.lock_timeout_s, self.memory_limit)

    def replace(
        self, table: str, partition: date | None, stream: pa.RecordBatchReader, facts: Facts | None = None
    ) -> Report:
        """Delete the month and insert the stream, in one transaction."""
        new = plain_schema(stream.schema)

        def insert(place: Table) -> int:
            return place.insert(partition, _plain(stream, new), new)

        check_stream(table, stream.schema, self.partition_column, ignore_case=True)
        return self._replace(table, partition, new, facts or {}, insert, STREAM_MEMORY)

    def replace_from(
        self, table: str, partition: date | None, objects: Objects, facts: Facts | None = None
    ) -> Report | None:
        """Let DuckDB read the files, if it finds the types in them that it would find in their stream."""
        if objects.files is None or not objects.lie_in(self.partition_column, partition):
            return None
        check_stream(table, objects.schema, self.partition_column, ignore_case=True)
        with fetched(objects) as files:
            incoming = Incoming(objects, [file.path for file in files])
            if not incoming.alike():
                return None
            new, insert = plain_schema(objects.schema), partial(incoming.insert, partition)
            return self._replace(table, partition, new, facts or {}, insert, FILES_MEMORY)

    def _replace(
        self,
        table: str,
        partition: date | None,
        new: pa.Schema,
        facts: Facts,
        insert: Callable[[Table], int],
        memory: str,
    ) -> Report:
        started = time.monotonic()
        # Writers of one process take turns: DuckDB would refuse the second one's ALTER TABLE or ledger row.
        with write_lock(duckdb_path(self.url)), self.connect() as connection:
            waited = time.monotonic()
            save_memory(connection, memory)
            place = self._table(connection, table)
            connection.begin()
            try:
                report = self._replace_in(place, partition, new, facts, insert)
                still_wanted()
            except BaseException:
                connection.rollback()
                raise
            connection.commit()  # not in the block: one that fails has rolled back, and says why
        seconds = {"wait": waited - started, "load": time.monotonic() - waited}
        return Report(report.rows, 0, report.replaced_rows, seconds)

    def read(
        self,
        table: str,
        partitions: Sequence[date] | None = None,
        columns: Sequence[str] | None = None,
        where: Sequence[Condition] = (),
    ) -> pa.RecordBatchReader:
        """Stream rows of one snapshot of the table; rows of a month come in no particular order."""
        connection = self.connect()
        try:
            connection.begin()
            place = self._table(connection, table)
            plan = planned(place, self.uri(table), partitions, columns, where)
        except BaseException:
            connection.close()
            raise
        schema, queries = plan
        return pa.RecordBatchReader.from_batches(schema, batches(connection, queries))

    def partitions(self, table: str) -> dict[date | None, Held]:
        """Rows by count, facts by the ledger."""
        with self.connect() as connection:
            return self._table(connection, table).partitions()

    def held(self, table: str, partition: date | None) -> Held | None:
        """One partition; DuckDB skips the row groups of other months."""
        with self.connect() as connection:
            return self._table(connection, table).held(partition)

    def totals(self, table: str, partition: date | None, columns: Sequence[str]) -> Totals:
        """Add up in the database."""
        with self.connect() as connection:
            save_memory(connection, STREAM_MEMORY)
            place = self._table(connection, table)
            schema = place.schema()
            if schema is None or place.held(partition) is None:
                return no_rows(columns)
            source, values = place.source(partition)
            query = sum_query(table, schema, columns, source)
            return totals_of(connection.execute(query, values).fetchall()[0], columns)

    def select(self, sql: str) -> pa.RecordBatchReader:
        """Run one SELECT, see ``Selects``; its result is in memory, and the file is free again."""
        with self.connect() as connection:
            connection.execute("BEGIN TRANSACTION READ ONLY")
            try:
                with connection.sql(checked_select(sql)).to_arrow_reader(BATCH_ROWS) as reader:
                    return reader.read_all().to_reader()
            except _REFUSED as error:
                raise TargetError(f"DuckDB refuses the query: {error}") from error

    def sql_name(self, table: str) -> str:
        """Schema and table, quoted."""
        return f"{quoted(self.schema_name)}.{quoted(table)}"

    def full_name(self, table: str) -> str:
        """``schema.table``."""
        return f"{self.schema_name}.{table}"

    def uri(self, table: str, partition: date | None = None) -> str:
        """File, schema and table."""
        month = f"?{self.partition_column}={partition}" if partition else ""
        return f"duckdb:///{duckdb_path(self.url)}#{self.schema_name}.{table}{month}"

    def example_query(self, table: str, partition: date | None) -> str:
        """For DuckDB, with the file opened."""
        month = f" WHERE {quoted(self.partition_column)} = DATE '{partition}'" if partition else ""
        return f"SELECT * FROM {self.sql_name(table)}{month} LIMIT {EXAMPLE_ROWS}"  # noqa: S608

    def _table(self, connection: Connection, table: str) -> Table:
        return Table(connection, self.schema_name, table, self.partition_column)

    def _replace_in(
        self,
        place: Table,
        partition: date | None,
        new: pa.Schema,
        facts: Facts,
        insert: Callable[[Table], int],
    ) -> Report:
        replaced, stored = place.held(partition), place.schema()
        if stored is not None:
            other = _other(place, partition, stored)
            if other is None:
                place.drop()  # nothing else is in it: the stream alone says what the columns are
                stored = None
            else:
                check_fits(place.name, [(other, stored)], str(partition), new)
        place.shape(new, stored, partitioned=partition is not None)
        place.delete(partition)
        rows = insert(place)
        place.comment(new)
        place.ledger.record(partition, rows, facts)
        return Report(rows, 0, replaced.rows if replaced else None)


def _other(place: Table, partition: date | None, stored: pa.Schema) -> str | None:
    """Name of another partition, None if the table holds nothing else.

    Raises:
        TargetError: The table has partitions and is to have none, or the other way round.
    """
    partitioned = place.column in stored.names
    if partitioned != (partition is not None) and not place.empty():
        kind = "partitions" if partitioned else f"no partitions: no column {place.column}"
        raise TargetError(f"{place.name} has {kind}; write {partition} to a table of another name")
    return place.other(partition) if partitioned and partition else None


def _plain(stream: pa.RecordBatchReader, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for batch in stream:
        yield fitted(batch, schema)
