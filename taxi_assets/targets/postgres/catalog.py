"""What stands in the database, read from Postgres' catalogs alone.

Nothing here locks a table. A load must not: a lock on the parent, held for the length of a COPY,
would keep every other month from being swapped in.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

from taxi_assets.targets.postgres.connection import Connection
from taxi_assets.targets.target import Facts, TargetError


@dataclass(frozen=True)
class ColumnInfo:
    """A column as Postgres knows it.

    Attributes:
        type: As ``format_type`` spells it.
        clauses: What its definition says after the type: ``COLLATE``, ``NOT NULL``, and the latter's
            ``DEFAULT``. Any other default is left out: what a stream lacks becomes null.
        made_by_postgres: ``generated`` or ``identity``; empty for a column that holds what it is given.
        comment: Its comment.
    """

    type: str
    clauses: str
    made_by_postgres: str
    comment: str | None


@dataclass(frozen=True)
class TableInfo:
    """A table as Postgres knows it.

    Attributes:
        oid: Its number.
        kind: ``r`` for a table, ``p`` for a partitioned one, other letters for views and the like.
        partitioned_by: Its partition key, as ``LIST (trip_month)``.
        comment: Its comment.
        columns: By name, in the table's order.
        indexes: Definitions of the indexes on a partitioned table, from ``USING`` on.
        checks: Names of its CHECK constraints.
    """

    oid: int
    kind: str
    partitioned_by: str | None
    comment: str | None
    columns: dict[str, ColumnInfo]
    indexes: tuple[tuple[bool, str], ...]
    checks: tuple[str, ...]


@dataclass(frozen=True)
class Child:
    """An attached partition."""

    oid: int
    name: str
    schema: str
    partition: date
    comment: str | None


def find_table(connection: Connection, schema: str, table: str) -> TableInfo | None:
    """``schema.table``, or None."""
    found = connection.execute(
        """
        SELECT c.oid, c.relkind::text, pg_get_partkeydef(c.oid), obj_description(c.oid, 'pg_class')
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = %s AND c.relname = %s
        """,
        [schema, table],
    ).fetchone()
    if found is None:
        return None
    oid, kind, key, comment = cast("tuple[int, str, str | None, str | None]", found)
    columns, indexes = _columns(connection, oid), _indexes(connection, oid)
    return TableInfo(oid, kind, key, comment, columns, indexes, _checks(connection, oid))


def must_find_table(connection: Connection, schema: str, table: str) -> TableInfo:
    """The table as it stands.

    Raises:
        TargetError: There is none: says which there are.
    """
    found = find_table(connection, schema, table)
    if found is not None:
        return found
    query = "SELECT tablename::text FROM pg_tables WHERE schemaname = %s AND tablename NOT IN "
    query += "(SELECT relname FROM pg_class WHERE relispartition) ORDER BY 1"
    present = ", ".join(str(row[0]) for row in connection.execute(query, [schema]).fetchall())
    raise TargetError(f"there is no table {schema}.{table}; there is: {present or 'none'}")


def _columns(connection: Connection, oid: int) -> dict[str, ColumnInfo]:
    rows = connection.execute(
        """
        SELECT a.attname::text, format_type(a.atttypid, a.atttypmod),
            concat(' COLLATE ' || quote_ident(n.nspname) || '.' || quote_ident(c.collname),
                CASE WHEN a.attnotnull
                    THEN concat(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), ' NOT NULL') END),
            CASE WHEN a.attgenerated <> '' THEN 'generated' WHEN a.attidentity <> '' THEN 'identity'
                ELSE '' END,
            col_description(a.attrelid, a.attnum)
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
            LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
            LEFT JOIN pg_collation c ON c.oid = a.attcollation AND c.oid <> t.typcollation
            LEFT JOIN pg_namespace n ON n.oid = c.collnamespace
        WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
        """,
        [oid],
    ).fetchall()
    typed = cast("list[tuple[str, str, str, str, str | None]]", rows)
    return {row[0]: ColumnInfo(row[1], row[2], row[3], row[4]) for row in typed}


def _checks(connection: Connection, oid: int) -> tuple[str, ...]:
    query = "SELECT conname::text FROM pg_constraint WHERE conrelid = %s AND contype = 'c' ORDER BY 1"
    return tuple(str(name) for (name,) in connection.execute(query, [oid]).fetchall())


def _indexes(connection: Connection, oid: int) -> tuple[tuple[bool, str], ...]:
    rows = connection.execute(
        """
        SELECT i.indisunique, pg_get_indexdef(i.indexrelid)
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = %s AND c.relkind = 'I'
        """,
        [oid],
    ).fetchall()
    typed = cast("list[tuple[bool, str]]", rows)
    return tuple((unique, definition.split(" USING ", 1)[1]) for unique, definition in typed)


def children(connection: Connection, oid: int, only: int | None = None) -> dict[date, Child]:
    """Attached partitions by their date, oldest first. Partitions that hold no single date aren't ours.

    Args:
        connection: Whose database.
        oid: The parent.
        only: One partition's number, where no other is asked for.
    """
    rows = connection.execute(
        """
        SELECT c.oid, c.relname::text, n.nspname::text, pg_get_expr(c.relpartbound, c.oid),
            obj_description(c.oid, 'pg_class')
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE i.inhparent = %s AND (%s::oid IS NULL OR i.inhrelid = %s)
        """,
        [oid, only, only],
    ).fetchall()
    if any(row[3] is None for row in rows):
        # pg_get_expr looks at the catalog as it is now: a swap dropped this child since the query began.
        return children(connection, oid, only)
    found: dict[date, Child] = {}
    for child, name, schema, bound, comment in cast("list[tuple[int, str, str, str, str | None]]", rows):
        day = re.fullmatch(r"FOR VALUES IN \('(\d{4}-\d\d-\d\d)'\)", bound)
        if day:
            partition = date.fromisoformat(day[1])
            found[partition] = Child(child, name, schema, partition, comment)
    return dict(sorted(found.items()))


def none_beside(connection: Connection, schema: str, table: str, wanted: Sequence[str]) -> None:
    """Look that no table but a partition of ``table`` has one of the ``wanted`` names, or an index that has.

    One statement, as the first load of a month may end between two.

    Raises:
        TargetError: One has.
    """
    found = connection.execute(
        """
        SELECT t.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            LEFT JOIN pg_index x ON x.indexrelid = c.oid
            JOIN pg_class t ON t.oid = coalesce(x.indrelid, c.oid)
        WHERE n.nspname = %s AND c.relname = ANY(%s) AND NOT EXISTS (
            SELECT FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent
            WHERE i.inhrelid = t.oid AND p.relname = %s AND p.relnamespace = c.relnamespace)
        """,
        [schema, list(wanted), table],
    ).fetchone()
    if found:
        raise TargetError(
            f"table {schema}.{found[0]} stands beside {schema}.{table}, not attached: drop it, or move it "
            "with the names of its indexes to another schema (ALTER TABLE ... SET SCHEMA)"
        )


def note(description: str | None, table: str, rows: int, facts: Facts) -> str:
    """Comment of a table that holds rows: a sentence for people, then one line of JSON for us."""
    data = json.dumps({"table": table, "rows": rows, "facts": dict(facts)}, ensure_ascii=True)
    return f"{description}\n{data}" if description else data


def noted_facts(comment: str | None) -> Facts:
    """Facts out of a comment that ``note`` made; none out of any other."""
    return cast("Facts", _noted(comment).get("facts", {}))


def noted_table(comment: str | None) -> str | None:
    """Name of the table for which a comment was made by ``note``."""
    return cast("str | None", _noted(comment).get("table"))


def _noted(comment: str | None) -> dict[str, object]:
    last = (comment or "").rsplit("\n", 1)[-1]
    if not last.startswith('{"table"'):
        return {}
    try:
        return cast("dict[str, object]", json.loads(last))
    except ValueError:
        return {}
