"""Postgres as a store: months are partitions of one table, loaded by binary COPY and swapped in whole."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import ClassVar

import psycopg
import pyarrow as pa
from psycopg import sql
from pydantic import Field

from taxi_assets.targets.embedded_postgres import DATABASE, EmbeddedPostgres
from taxi_assets.targets.journal import Also
from taxi_assets.targets.postgres import read as reading
from taxi_assets.targets.postgres.catalog import children, find_table, must_find_table, none_beside
from taxi_assets.targets.postgres.clock import Clock
from taxi_assets.targets.postgres.connection import Connection, address, connect, refusals
from taxi_assets.targets.postgres.counts import count_all, count_one
from taxi_assets.targets.postgres.load import fill, finish
from taxi_assets.targets.postgres.names import checked, child_name
from taxi_assets.targets.postgres.plan import Load, plan
from taxi_assets.targets.postgres.swap import (
    drop_left_overs,
    drop_staging,
    ensure_schema,
    swap,
    wait_for_turn,
)
from taxi_assets.targets.target import (
    EXAMPLE_ROWS,
    Condition,
    Facts,
    Held,
    Report,
    Target,
    TargetError,
    Totals,
)

EMBEDDED = "embedded"


class PostgresTarget(Target):
    """Tables in Postgres, LIST-partitioned by a DATE column, without a DEFAULT partition.

    The role needs CONNECT and either CREATE on the database or USAGE and CREATE on the schema, no more.
    A pooler in transaction mode won't do: the lock on a month belongs to a session.

    Attributes:
        url: ``postgresql://...``, or ``embedded`` for a server of our own under ``home``. Never shown.
        home: Directory of the embedded server.
        schema_name: Postgres schema that holds the tables; created if the role may.
        brin_columns: Columns that get a BRIN index, where a table has them: those that grow with the rows.
        btree_columns: Columns that get a B-tree index, where a table has them.
        lock_timeout_ms: How long a swap may keep new readers waiting behind an old one, in one attempt.
        swap_timeout_s: How long it tries.
        batch_rows: Rows cast at once; larger ones leave the processor's cache.
        connect_timeout: Seconds until a silent server counts as gone.
    """

    storage_kind: ClassVar[str] = "postgres"

    url: str = EMBEDDED
    home: str = ""
    schema_name: str = "taxi"
    brin_columns: list[str] = Field(default=[])
    btree_columns: list[str] = Field(default=[])
    lock_timeout_ms: int = 100
    swap_timeout_s: float = 60
    batch_rows: int = 16_384
    connect_timeout: float = 10

    def __repr_args__(self) -> Iterator[tuple[str | None, object]]:
        """Fields without the URL, which may hold a password."""
        for name, value in super().__repr_args__():
            if name != "url":
                yield name, value

    def connect(self) -> Connection:
        """A connection in autocommit mode; starts the embedded server if it is the one."""
        return connect(self._server_url(), self.connect_timeout)

    def query(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Rows of any statement: for people, checks and tests."""
        with self.connect() as connection:
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def replace(
        self, table: str, partition: date | None, stream: pa.RecordBatchReader, facts: Facts | None = None
    ) -> Report:
        """See ``Target.replace``. Two loads of one month queue; months don't wait for each other.

        Raises:
            TargetError: The stream does not fit, or the role lacks a right; nothing was changed.
            psycopg.OperationalError: The server went away, or others held the table for longer than
                ``swap_timeout_s`` (LockNotAvailable); nothing was changed, and it may work later.
        """
        return self.replace_also(table, partition, stream, facts, None)

    def replace_also(
        self,
        table: str,
        partition: date | None,
        stream: pa.RecordBatchReader,
        facts: Facts | None,
        also: Also | None,
    ) -> Report:
        """See ``replace``; ``also`` is given the connection inside the transaction of the swap."""
        checked(table, "table")
        clock = Clock()
        with self.connect() as connection, refusals(connection, self.schema_name, table):
            load = self._plan(connection, table, partition, stream.schema, facts)
            ensure_schema(connection, self.schema_name)
            wait_for_turn(connection, self.schema_name, load.staging)
            clock.lap("wait")
            drop_left_overs(connection, self.schema_name, table)
            # Once more: the one before us in the queue may have created the table.
            load = self._plan(connection, table, partition, stream.schema, facts)
            before = self._held_before(connection, load)
            clock.lap("prepare")
            return self._load(connection, load, stream, before.rows if before else None, clock, also)

    def _load(
        self,
        connection: Connection,
        load: Load,
        stream: pa.RecordBatchReader,
        replaced_rows: int | None,
        clock: Clock,
        also: Also | None,
    ) -> Report:
        with connection.transaction():
            rows = fill(connection, load, stream, self.batch_rows)
            clock.lap("copy")
            finish(connection, load, rows)
        clock.lap("index")
        within = partial(also, connection, rows, replaced_rows) if also else None
        try:
            swap(connection, load, self.swap_timeout_s, self.lock_timeout_ms, within)
        except BaseException:
            with suppress(psycopg.Error):  # if the connection is gone, the next load drops it
                drop_staging(connection, self.schema_name, load.staging)
            raise
        clock.lap("swap")
        name = load.identifier(load.child).as_string(connection)
        size = connection.execute("SELECT pg_total_relation_size(to_regclass(%s))", [name]).fetchone()
        return Report(rows, int(str(size[0])) if size and size[0] else 0, replaced_rows, clock.laps)

    def read(
        self,
        table: str,
        partitions: Sequence[date] | None = None,
        columns: Sequence[str] | None = None,
        where: Sequence[Condition] = (),
    ) -> pa.RecordBatchReader:
        """See ``Target.read``. Connects when the first batch is asked for, and stays until the last.

        As long as rows are being read, no partition of the table can be swapped.
        """
        with self.connect() as connection:
            standing = must_find_table(connection, self.schema_name, table)
            present = children(connection, standing.oid)
        name = self.full_name(table)
        if standing.kind != "p" and partitions is not None:
            raise TargetError(f"{name} has no partitions: read it without naming any")
        asked = None if standing.kind != "p" else list(present if partitions is None else partitions)
        reading.missing_partitions(name, asked or [], present)
        names = (self.schema_name, table, self.partition_column)
        query = reading.select(names, standing, asked, columns, where)
        return pa.RecordBatchReader.from_batches(query.schema, self._batches(query))

    def _batches(self, query: reading.Query) -> Iterator[pa.RecordBatch]:
        yield from reading.stream(self.connect(), query)

    def partitions(self, table: str) -> dict[date | None, Held]:
        """See ``Target.partitions``. Counts every row of the table."""
        with self.connect() as connection:
            standing = find_table(connection, self.schema_name, table)
            if standing is None:
                return {}
            return count_all(connection, self._identifier(table), standing)

    def held(self, table: str, partition: date | None) -> Held | None:
        """See ``Target.held``. Counts the rows of one partition."""
        with self.connect() as connection:
            standing = find_table(connection, self.schema_name, table)
            if standing is None:
                return None
            return count_one(connection, self._identifier(table), standing, partition)

    def totals(self, table: str, partition: date | None, columns: Sequence[str]) -> Totals:
        """See ``Target.totals``. NaN and infinite values are left out of the sums."""
        with self.connect() as connection:
            standing = find_table(connection, self.schema_name, table)
            if standing is None or (partition is None) != (standing.kind != "p"):
                return Totals(0, dict.fromkeys(columns, Decimal(0)))
            names = (self.schema_name, table, self.partition_column)
            return reading.add_up(connection, names, standing, partition, columns)

    def full_name(self, table: str) -> str:
        """``schema.table``."""
        return f"{self.schema_name}.{table}"

    def uri(self, table: str, partition: date | None = None) -> str:
        """``postgresql://host:port/database/schema.table``; a partition by the name of its own table."""
        name = f"{self.schema_name}.{child_name(table, partition)}"
        if self.url != EMBEDDED:
            return f"postgresql://{address(self.url)}/{name}"
        server = EmbeddedPostgres(Path(self.home))
        return f"postgresql:///{DATABASE}/{name}?host={server.socket_directory}"

    def example_query(self, table: str, partition: date | None) -> str:
        """For psql; ``taxi-assets psql`` opens it on the embedded server too."""
        query = sql.SQL("SELECT * FROM {}").format(self._identifier(table))
        if partition:
            column = sql.Identifier(self.partition_column)
            query += sql.SQL(" WHERE {} = DATE {}").format(column, sql.Literal(partition.isoformat()))
        return f"{query.as_string()} LIMIT {EXAMPLE_ROWS}"

    def _server_url(self) -> str:
        if self.url != EMBEDDED:
            return self.url
        if not self.home:
            raise TargetError("the embedded Postgres server needs a home: a directory for its data")
        return EmbeddedPostgres(Path(self.home)).start()

    def _plan(
        self,
        connection: Connection,
        table: str,
        partition: date | None,
        stream: pa.Schema,
        facts: Facts | None,
    ) -> Load:
        standing = find_table(connection, self.schema_name, table)
        indexes = {"brin": self.brin_columns, "btree": self.btree_columns}
        where = (self.schema_name, table, partition, self.partition_column)
        load = plan(where, standing, stream, indexes, facts or {})
        if partition:
            none_beside(connection, self.schema_name, table, load.names)
        return load

    def _held_before(self, connection: Connection, load: Load) -> Held | None:
        """The partition as it stands; nobody else changes it, as we have its lock."""
        standing = find_table(connection, self.schema_name, load.table)
        if standing is None:
            return None
        return count_one(connection, load.identifier(load.table), standing, load.partition)

    def _identifier(self, table: str) -> sql.Identifier:
        return sql.Identifier(self.schema_name, table)
