"""The SQL of one table in DuckDB: identifiers quoted, values as parameters.

DDL takes no parameters, so comments are the one place with literals, quoted by ``literal``.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa

from taxi_assets.targets.duckdb_file import Connection
from taxi_assets.targets.duckdb_ledger import LEDGER, Ledger
from taxi_assets.targets.duckdb_types import arrow_types
from taxi_assets.targets.sums import literal, quoted
from taxi_assets.targets.target import Condition, Held, TargetError

_INCOMING = "_incoming"
_REFUSALS = (
    duckdb.CatalogException,  # the name is a view's, or a column is there in another case
    duckdb.BinderException,
    duckdb.ConstraintException,  # of a constraint that somebody has added
    duckdb.DependencyException,  # of an index that somebody has added
)


@dataclass(frozen=True)
class Table:
    """A table, over one connection."""

    connection: Connection
    schema_name: str
    name: str
    column: str

    @property
    def qualified(self) -> str:
        """Name for SQL."""
        return f"{quoted(self.schema_name)}.{quoted(self.name)}"

    @property
    def ledger(self) -> Ledger:
        """What was loaded into it."""
        return Ledger(self.connection, self.schema_name, self.name)

    def tables(self) -> list[str]:
        """Tables of the schema, but for the ledger."""
        rows = self.connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()"
            " AND schema_name = ? AND table_name <> ? ORDER BY 1",
            [self.schema_name, LEDGER],
        ).fetchall()
        return [name for (name,) in rows]

    def schema(self) -> pa.Schema | None:
        """Columns as they come out of a read, or None if there is no table."""
        if self.name not in self.tables():
            return None
        query = f"SELECT * FROM {self.qualified} LIMIT 0"  # noqa: S608
        with self.connection.sql(query).to_arrow_reader(1) as reader:
            schema = reader.schema
        # A column that was added later stands behind the partition column in the table, not in a read.
        return pa.schema(sorted(schema, key=lambda field: field.name == self.column))

    def partitions(self) -> dict[date | None, Held]:
        """Every partition, oldest first: rows by count, facts by the ledger.

        Rows without a month, which somebody put into a table that has months, are none's.
        """
        schema = self.schema()
        if schema is None:
            return {}
        if self.column not in schema.names:
            whole = self.held(None)
            return {None: whole} if whole else {}
        column = quoted(self.column)
        counted = dict(
            self.connection.execute(
                f"SELECT {column}, count(*) FROM {self.qualified} WHERE {column} IS NOT NULL GROUP BY 1"  # noqa: S608
            ).fetchall()
        )
        known = self.ledger.known()
        ordered = sorted({*counted, *known}, key=lambda partition: partition or date.min)
        return {one: Held(counted.get(one, 0), known.get(one, {})) for one in ordered}

    def held(self, partition: date | None) -> Held | None:
        """One partition as ``partitions`` tells it, without a look at the others' rows."""
        schema = self.schema()
        if schema is None or (partition is None) == (self.column in schema.names):
            return None
        source, values = self.source(partition)
        (rows,) = self.connection.execute(f"SELECT count(*) FROM {source}", values).fetchall()[0]  # noqa: S608
        facts = self.ledger.known().get(partition)
        return Held(rows, facts or {}) if rows or facts is not None else None

    def empty(self) -> bool:
        """Whether the table holds no row and no partition without rows."""
        rows = self.connection.execute(f"SELECT 1 FROM {self.qualified} LIMIT 1").fetchall()  # noqa: S608
        return not rows and not self.ledger.known()

    def other(self, partition: date) -> str | None:
        """Name of a partition but for this one, or None; looks at one row at most."""
        known = [str(one) for one in self.ledger.known() if one != partition]
        if known:
            return max(known)
        column = quoted(self.column)
        rows = self.connection.execute(
            f"SELECT {column} FROM {self.qualified} WHERE {column} IS DISTINCT FROM ? LIMIT 1",  # noqa: S608
            [partition],
        ).fetchall()
        return str(rows[0][0] or f"rows without {self.column}") if rows else None

    def source(self, partition: date | None) -> tuple[str, list[Any]]:
        """What stands behind FROM for one partition, and its values."""
        if partition is None:
            return self.qualified, []
        return f"{self.qualified} WHERE {quoted(self.column)} = ?", [partition]

    def select(
        self, partition: date | None, names: Sequence[str], where: Sequence[Condition]
    ) -> tuple[str, list[Any]]:
        """Query and values for the rows of one partition."""
        terms, values = [], []
        if partition is not None:
            terms, values = [f"{quoted(self.column)} = ?"], [partition]
        for condition in where:
            term, of_term = _term(condition)
            terms.append(term)
            values += of_term
        columns = ", ".join(quoted(name) for name in names)
        behind = f" WHERE {' AND '.join(terms)}" if terms else ""
        return f"SELECT {columns} FROM {self.qualified}{behind}", values  # noqa: S608

    def drop(self) -> None:
        """Forget the table's columns."""
        with self._refusals():
            self.connection.execute(f"DROP TABLE {self.qualified}")

    def shape(self, new: pa.Schema, stored: pa.Schema | None, *, partitioned: bool) -> None:
        """Make the table, or give it the columns that it lacks."""
        types = arrow_types(self.connection, new)
        with self._refusals():
            if stored is not None:
                self._widen(types, stored)
                return
            self.connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(self.schema_name)}")
            last = {self.column: "DATE NOT NULL"} if partitioned else {}
            columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in {**types, **last}.items())
            self.connection.execute(f"CREATE TABLE {self.qualified} ({columns})")
            self.ledger.forget()

    def _widen(self, types: Mapping[str, str], stored: pa.Schema) -> None:
        there = {name.casefold(): name for name in stored.names}
        for name, kind in types.items():
            known = there.get(name.casefold())
            if known is None:
                self.connection.execute(f"ALTER TABLE {self.qualified} ADD COLUMN {quoted(name)} {kind}")
            elif known != name:
                raise TargetError(
                    f"{self.name}: the stream's column {name} is {known} in the table, and DuckDB takes "
                    f"them for the same. Nothing was changed. Spell it as there."
                )

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """A retry meets the same table again, so it is told in words."""
        try:
            yield
        except _REFUSALS as error:
            raise TargetError(
                f"{self.name}: something in {self.schema_name} is in the way. Nothing was changed. "
                f"DuckDB says: {error}"
            ) from error

    def delete(self, partition: date | None) -> None:
        """Delete the partition's rows."""
        source, values = self.source(partition)
        with self._refusals():
            self.connection.execute(f"DELETE FROM {source}", values)  # noqa: S608

    def insert(self, partition: date | None, batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> int:
        """Insert the batches; the number of their rows. An error in the stream comes out as it went in."""
        failure: list[BaseException] = []
        rows = 0

        def watched() -> Iterator[pa.RecordBatch]:
            nonlocal rows
            try:
                for batch in batches:
                    rows += batch.num_rows
                    yield batch
            except BaseException as error:
                failure.append(error)
                raise

        self.connection.register(_INCOMING, pa.RecordBatchReader.from_batches(schema, watched()))
        try:
            self.insert_from(partition, "*", _INCOMING)
        except Exception:
            if failure:
                raise failure[0] from None
            raise
        # Not after a failure: the transaction is aborted, and refuses even this.
        self.connection.unregister(_INCOMING)
        return rows

    def insert_from(self, partition: date | None, columns: str, source: str) -> int:
        """Insert what ``SELECT columns FROM source`` finds; the number of rows."""
        constant, values = (
            ("", []) if partition is None else (f", CAST(? AS DATE) AS {quoted(self.column)}", [partition])
        )
        query = f"INSERT INTO {self.qualified} BY NAME SELECT {columns}{constant} FROM {source}"  # noqa: S608
        with self._refusals():
            (inserted,) = self.connection.execute(query, values).fetchall()[0]
        return int(inserted)

    def comment(self, schema: pa.Schema) -> None:
        """Descriptions as comments."""
        text = (schema.metadata or {}).get(b"description")
        if text:
            self.connection.execute(f"COMMENT ON TABLE {self.qualified} IS {literal(text.decode())}")
        for field in schema:
            text = (field.metadata or {}).get(b"description")
            if text:
                name = f"{self.qualified}.{quoted(field.name)}"
                self.connection.execute(f"COMMENT ON COLUMN {name} IS {literal(text.decode())}")


def _term(condition: Condition) -> tuple[str, list[Any]]:
    name, comparison, value = condition
    column = quoted(name)
    if comparison in {"is null", "is not null"}:
        return f"{column} {comparison.upper()}", []
    if comparison == "in":
        values = list(value)  # type: ignore[call-overload]
        return f"{column} IN ({', '.join('?' for _ in values)})" if values else "false", values
    return f"{column} {comparison} ?", [value]
