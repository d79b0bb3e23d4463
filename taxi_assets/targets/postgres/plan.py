"""What a load will do, decided before anything is touched: columns, types, indexes, names."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
from psycopg import sql

from taxi_assets.targets.postgres.catalog import ColumnInfo, TableInfo
from taxi_assets.targets.postgres.names import checked, child_name, index_name, staging_name
from taxi_assets.targets.postgres.types import arrow_type, flows_into, postgres_type, travelling_type
from taxi_assets.targets.target import Facts, TargetError


@dataclass(frozen=True)
class Load:
    """One partition on its way into the store.

    Attributes:
        schema: Postgres schema of the table.
        table: The table that people read.
        partition: Its partition, or None for a table without.
        partition_column: Column that cuts the table.
        columns: What the stream brings: Arrow type in which each column travels.
        types: Columns of the staging table in order, without the partition column: Postgres types.
        clauses: What a column of the table has beside its type: see ``clauses``.
        comments: Descriptions of columns, out of the stream's schema.
        description: Description of the table.
        indexes: Unique or not, and the definition from USING on.
        facts: Remembered beside the partition.
    """

    schema: str
    table: str
    partition: date | None
    partition_column: str
    columns: Mapping[str, pa.DataType]
    types: Mapping[str, str]
    clauses: Mapping[str, str]
    comments: Mapping[str, str]
    description: str | None
    indexes: tuple[tuple[bool, str], ...]
    facts: Facts

    @property
    def child(self) -> str:
        """Name that the staging table gets in the end."""
        return child_name(self.table, self.partition)

    @property
    def staging(self) -> str:
        """Name of the staging table."""
        return staging_name(self.child)

    @property
    def names(self) -> list[str]:
        """Names that the staging table and its indexes get in the end."""
        return [self.child, *(index_name(self.child, definition) for _, definition in self.indexes)]

    def identifier(self, name: str) -> sql.Identifier:
        """``name`` in the table's schema, quoted."""
        return sql.Identifier(self.schema, name)


def plan(
    where: tuple[str, str, date | None, str],
    standing: TableInfo | None,
    stream: pa.Schema,
    wanted_indexes: Mapping[str, list[str]],
    facts: Facts,
) -> Load:
    """Compare the stream with the table that stands, and decide what the staging table looks like.

    Raises:
        TargetError: They don't fit; nothing was touched.
    """
    schema, table, partition, partition_column = where
    _check_names(stream, partition_column)
    _check_kind(f"{schema}.{table}", standing, partition, partition_column)
    _check_additions(f"{schema}.{table}", standing)
    present = dict(standing.columns) if standing else {}
    present.pop(partition_column if partition else "", None)
    columns: dict[str, pa.DataType] = {}
    types = {name: info.type for name, info in present.items()}
    for field in stream:
        columns[field.name] = _travels(f"{schema}.{table}", field, types.get(field.name))
        types.setdefault(field.name, postgres_type(columns[field.name]))
    return Load(
        *(schema, table, partition, partition_column, columns, types),
        clauses=clauses(present),
        comments={field.name: text for field in stream if (text := _description(field.metadata))},
        description=_description(stream.metadata),
        indexes=_indexes(standing, {*types, partition_column}, wanted_indexes),
        facts=facts,
    )


def column_definition(load: Load, name: str) -> sql.Composed:
    """``"fare_amount" double precision``."""
    kind = sql.SQL(load.types[name])  # from our table of types, or the catalog
    definition = sql.SQL("{} {}").format(sql.Identifier(name), kind)
    return definition + sql.SQL(load.clauses.get(name, ""))  # the catalog's own words


def clauses(columns: Mapping[str, ColumnInfo]) -> dict[str, str]:
    """What people gave columns, in SQL: a partition is attached only if it has the same."""
    return {name: info.clauses for name, info in columns.items()}


def _check_names(stream: pa.Schema, partition_column: str) -> None:
    if not stream.names:
        raise TargetError("the stream has no columns")
    repeated = sorted({name for name in stream.names if stream.names.count(name) > 1})
    if repeated:
        raise TargetError(f"the stream has several columns named {', '.join(map(repr, repeated))}")
    if partition_column in stream.names:
        raise TargetError(
            f"the stream carries {partition_column!r}, which the store adds itself: leave it out"
        )
    for name in stream.names:
        checked(name, "column")


def _check_kind(name: str, standing: TableInfo | None, partition: date | None, partition_column: str) -> None:
    if standing is None:
        return
    if standing.kind not in ("r", "p"):
        raise TargetError(f"{name} exists and is no table (relkind {standing.kind!r}): drop or rename it")
    if partition is None and standing.kind == "p":
        raise TargetError(
            f"{name} is partitioned by {standing.partitioned_by}: say which partition is replaced"
        )
    if partition is not None and standing.kind == "r":
        raise TargetError(f"{name} exists without partitions: rename it, and load its months again")
    keys = (f"LIST ({partition_column})", f'LIST ("{partition_column}")', None)
    if standing.partitioned_by not in keys:
        raise TargetError(
            f"{name} is partitioned by {standing.partitioned_by}, not by LIST ({partition_column})"
        )


def _check_additions(table: str, standing: TableInfo | None) -> None:
    """What people added to a table and ATTACH would want of a partition, but a load can't give it."""
    for name, info in standing.columns.items() if standing else ():
        if info.made_by_postgres:
            raise TargetError(
                f"column {name!r} of {table} is made by Postgres ({info.made_by_postgres}), which a load "
                f'can\'t do: ALTER TABLE {table} DROP COLUMN "{name}", and make it in a view'
            )
    if standing and standing.checks:
        drops = ", ".join(f'DROP CONSTRAINT "{name}"' for name in standing.checks)
        raise TargetError(
            f"{table} has CHECK constraints, which the rows of a source need not keep: ALTER TABLE {table} "
            f"{drops}, and check them in a query"
        )


def _travels(table: str, field: pa.Field, column_type: str | None) -> pa.DataType:
    """The Arrow type in which ``field`` goes into a column of ``column_type``, or into a new one."""
    travelling = travelling_type(field.type)
    if travelling is None:
        raise TargetError(
            f"column {field.name!r} is {field.type}, which Postgres has no type for here: cast it"
        )
    if column_type is None:
        return travelling
    column = arrow_type(column_type)
    if column is not None and (pa.types.is_null(field.type) or flows_into(travelling, column)):
        return column
    raise TargetError(
        f"column {field.name!r} of {table} is {column_type}, but the stream brings {field.type} "
        f"({postgres_type(travelling)}): cast the stream to {column or column_type}, or change the table "
        f'once: ALTER TABLE {table} ALTER COLUMN "{field.name}" TYPE {postgres_type(travelling)}'
    )


def _indexes(
    standing: TableInfo | None, present: set[str], wanted: Mapping[str, list[str]]
) -> tuple[tuple[bool, str], ...]:
    """Indexes of one child: ours on columns that it has, and those that somebody gave the parent.

    Ours are plain indexes of the children: Postgres plans each child on its own, and a column added to
    the settings then takes effect month by month. An index of the parent's must exist on the child
    before ATTACH, which would else build it while readers wait.
    """
    theirs = standing.indexes if standing else ()
    known = {definition.replace('"', "") for _, definition in theirs}
    ours = [
        (False, f"{method} ({sql.Identifier(column).as_string()})")
        for method, columns in wanted.items()
        for column in dict.fromkeys(columns)
        if column in present and f"{method} ({column})" not in known
    ]
    return (*theirs, *ours)


def _description(metadata: Mapping[bytes, bytes] | None) -> str | None:
    return (metadata or {}).get(b"description", b"").decode() or None
