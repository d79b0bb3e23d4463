"""The SQL of one table in DuckDB: identifiers quoted, values as parameters.

DDL takes no parameters, so comments are the one place with literals, quoted by ``literal``.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from taxi_assets.targets.duckdb_file import Connection
from taxi_assets.targets.sums import quoted
from taxi_assets.targets.target import Condition, Held

LEDGER = "_partitions"
_INCOMING = "_incoming"


def literal(text: str) -> str:
    """``text`` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


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
    def _ledger(self) -> str:
        return f"{quoted(self.schema_name)}.{quoted(LEDGER)}"

    def tables(self) -> list[str]:
        """Tables of the schema, but for the ledger."""
        return [name for name in self._all_tables() if name != LEDGER]

    def _all_tables(self) -> list[str]:
        rows = self.connection.execute(
            "SELECT table_name FROM duckdb_tables() "
            " WHERE database_name = current_database() AND schema_name = ? ORDER BY 1",
            [self.schema_name],
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
        """Every partition, oldest first: rows by count, facts by the ledger."""
        schema = self.schema()
        if schema is None:
            return {}
        column = quoted(self.column) if self.column in schema.names else "CAST(NULL AS DATE)"
        counted = dict(
            self.connection.execute(
                f"SELECT {column}, count(*) FROM {self.qualified} GROUP BY 1"  # noqa: S608
            ).fetchall()
        )
        known = self._known()
        ordered = sorted({*counted, *known}, key=lambda partition: partition or date.min)
        return {one: Held(counted.get(one, 0), known.get(one, {})) for one in ordered}

    def held(self, partition: date | None) -> Held | None:
        """One partition as ``partitions`` tells it, without a look at the others' rows."""
        schema = self.schema()
        if schema is None or (partition is None) == (self.column in schema.names):
            return None
        (rows,) = self.connection.execute(f"SELECT count(*) FROM {self.source(partition)}").fetchall()[0]  # noqa: S608
        facts = self._known().get(partition)
        return Held(rows, facts or {}) if rows or facts is not None else None

    def source(self, partition: date | None) -> str:
        """What stands behind FROM for one partition."""
        if partition is None:
            return self.qualified
        return f"{self.qualified} WHERE {quoted(self.column)} = DATE {literal(partition.isoformat())}"

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
        self.connection.execute(f"DROP TABLE {self.qualified}")

    def shape(self, new: pa.Schema, stored: pa.Schema | None, *, partitioned: bool) -> None:
        """Make the table, or give it the columns that it lacks."""
        self.connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(self.schema_name)}")
        types = self._types(new)
        if stored is None:
            last = {self.column: "DATE"} if partitioned else {}
            columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in {**types, **last}.items())
            self.connection.execute(f"CREATE TABLE {self.qualified} ({columns})")
            return
        for name in new.names:
            if name not in stored.names:
                self.connection.execute(
                    f"ALTER TABLE {self.qualified} ADD COLUMN {quoted(name)} {types[name]}"
                )

    def delete(self, partition: date | None) -> None:
        """Delete the partition's rows."""
        self.connection.execute(f"DELETE FROM {self.source(partition)}")  # noqa: S608

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

        constant, values = (
            ("", []) if partition is None else (f", CAST(? AS DATE) AS {quoted(self.column)}", [partition])
        )
        self.connection.register(_INCOMING, pa.RecordBatchReader.from_batches(schema, watched()))
        try:
            self.connection.execute(
                f"INSERT INTO {self.qualified} BY NAME SELECT *{constant} FROM {_INCOMING}",  # noqa: S608
                values,
            )
        except Exception:
            if failure:
                raise failure[0] from None
            raise
        # Not after a failure: the transaction is aborted, and refuses even this.
        self.connection.unregister(_INCOMING)
        return rows

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

    def record(self, partition: date | None, rows: int, facts: str) -> None:
        """Write the partition into the ledger."""
        self.connection.execute(
            f"CREATE TABLE IF NOT EXISTS {self._ledger}"
            " (table_name VARCHAR, partition DATE, rows BIGINT, facts VARCHAR, replaced_at TIMESTAMPTZ)"
        )
        self.connection.execute(
            f"DELETE FROM {self._ledger} WHERE table_name = ? AND partition IS NOT DISTINCT FROM ?",  # noqa: S608
            [self.name, partition],
        )
        self.connection.execute(
            f"INSERT INTO {self._ledger} VALUES (?, ?, ?, ?, now())",  # noqa: S608
            [self.name, partition, rows, facts],
        )

    def _known(self) -> dict[date | None, dict[str, str]]:
        if LEDGER not in self._all_tables():
            return {}
        rows = self.connection.execute(
            f"SELECT partition, facts FROM {self._ledger} WHERE table_name = ?",  # noqa: S608
            [self.name],
        ).fetchall()
        return {partition: json.loads(facts) for partition, facts in rows}

    def _types(self, schema: pa.Schema) -> dict[str, str]:
        """DuckDB's own idea of the Arrow types."""
        self.connection.register(_INCOMING, schema.empty_table())
        rows = self.connection.execute(f"DESCRIBE SELECT * FROM {_INCOMING}").fetchall()  # noqa: S608
        self.connection.unregister(_INCOMING)
        return {row[0]: row[1] for row in rows}


def _term(condition: Condition) -> tuple[str, list[Any]]:
    name, comparison, value = condition
    column = quoted(name)
    if comparison in {"is null", "is not null"}:
        return f"{column} {comparison.upper()}", []
    if comparison == "in":
        values = list(value)  # type: ignore[call-overload]
        return f"{column} IN ({', '.join('?' for _ in values)})" if values else "false", values
    return f"{column} {comparison} ?", [value]
