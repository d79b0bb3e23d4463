"""Reading rows back as Arrow, adding them up, naming what is asked for but not there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import cast

import psycopg
import pyarrow as pa
from psycopg import sql

from taxi_assets.targets.postgres.catalog import Child, TableInfo
from taxi_assets.targets.postgres.connection import Connection
from taxi_assets.targets.postgres.types import arrow_type
from taxi_assets.targets.target import MONEY_DECIMALS, Condition, TargetError, Totals

ROWS_AT_ONCE = 50_000  # Python objects of 19 columns: about 60 MB

_COMPARISONS = {
    **{sign: f"{{}} {sign} %s" for sign in ("=", "!=", "<", "<=", ">", ">=")},
    "in": "{} = ANY(%s)",
    "is null": "{} IS NULL",
    "is not null": "{} IS NOT NULL",
}
_WITHOUT_VALUE = ("is null", "is not null")

_EXACT = {
    # Through text, which is exact; the cast of a float to numeric keeps 15 digits.
    "real": "{}::float8::text::numeric",
    "double precision": "{}::text::numeric",
    **dict.fromkeys(("smallint", "integer", "bigint", "numeric"), "{}::numeric"),
}
"""How a column of each type becomes exact numbers."""


@dataclass(frozen=True)
class Query:
    """One SELECT, and the Arrow schema of its answer."""

    statement: sql.Composed
    parameters: list[object]
    schema: pa.Schema


def select(
    names: tuple[str, str, str],
    standing: TableInfo,
    partitions: Sequence[date] | None,
    columns: Sequence[str] | None,
    where: Sequence[Condition],
) -> Query:
    """The query of a read.

    Args:
        names: Schema, table, partition column.
        standing: The table as it stands.
        partitions: Which ones, in this order; None for a table that has none.
        columns: Which columns; all, the partition column last, if None.
        where: Conditions that hold together.
    """
    schema, table, partition_column = names
    chosen = list(columns) if columns is not None else _all_columns(standing, partition_column)
    _check_columns(f"{schema}.{table}", standing, [*chosen, *(name for name, _, _ in where)])
    if not chosen:
        raise TargetError(f"no columns of {schema}.{table} are asked for")
    fields = [_field(standing, name) for name in chosen]
    terms, values = _conditions(where)
    shape = sql.SQL("SELECT {} FROM {}").format(
        sql.SQL(", ").join([expression for expression, _ in fields]), _quoted(schema, table)
    )
    result = pa.schema([field for _, field in fields])
    if partitions is None:
        return Query(shape + _where(terms), values, result)
    # One branch a partition: Append runs them in order, without sorting, each pruned to its child.
    here = sql.SQL("{} = %s").format(_quoted(partition_column))
    branch = shape + _where([here, *terms])
    if not partitions:
        return Query(shape + sql.SQL(" WHERE false"), [], result)
    parameters = [value for partition in partitions for value in (partition, *values)]
    return Query(sql.SQL(" UNION ALL ").join([branch] * len(partitions)), parameters, result)


def stream(connection: Connection, query: Query) -> Iterator[pa.RecordBatch]:
    """Rows of one statement, so of one snapshot, through a cursor of the server's."""
    try:
        with connection, connection.transaction(), connection.cursor("taxi_assets", binary=True) as cursor:
            cursor.execute(query.statement, query.parameters)
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                arrays = [
                    pa.array(values, field.type)
                    for values, field in zip(zip(*rows, strict=True), query.schema, strict=True)
                ]
                yield pa.RecordBatch.from_arrays(arrays, schema=query.schema)
    except (psycopg.DataError, psycopg.ProgrammingError, pa.ArrowInvalid) as error:
        raise TargetError(f"Postgres' answer can't be read: {error}") from error


def missing_partitions(table: str, asked: Sequence[date], standing: dict[date, Child]) -> None:
    """Raise if a partition is asked for that does not stand."""
    absent = [day.isoformat() for day in asked if day not in standing]
    if absent:
        present = ", ".join(day.isoformat() for day in standing) or "none"
        raise TargetError(f"{table} has no partition {', '.join(absent)}; there is: {present}")


def add_up(
    connection: Connection,
    names: tuple[str, str, str],
    standing: TableInfo,
    partition: date | None,
    columns: Sequence[str],
) -> Totals:
    """Count rows and add up ``columns``: finite values only, as NaN and infinity have no sum."""
    schema, table, partition_column = names
    _check_columns(f"{schema}.{table}", standing, columns)
    sums = [_sum(f"{schema}.{table}", standing, column) for column in columns]
    results = sql.SQL(", ").join([sql.SQL("count(*)"), *sums])
    query = sql.SQL("SELECT {} FROM {}").format(results, _quoted(schema, table))
    here = [sql.SQL("{} = %s").format(_quoted(partition_column))] if partition else []
    row = connection.execute(query + _where(here), [partition] if partition else []).fetchone()
    rows, *values = cast("tuple[int, *tuple[Decimal, ...]]", row)
    return Totals(rows, dict(zip(columns, values, strict=True)))


def _sum(table: str, standing: TableInfo, column: str) -> sql.Composed:
    kind = standing.columns[column].type
    exact = _EXACT.get(kind.partition("(")[0])
    if exact is None:
        raise TargetError(f"column {column!r} of {table} is {kind}: only numbers can be added up")
    add = "coalesce(sum(round({exact}, {places})) FILTER (WHERE {column}::float8 < 'Infinity'::float8 AND "
    add += "{column}::float8 > '-Infinity'::float8), 0)"  # NaN is greater than infinity, in Postgres
    return sql.SQL(add).format(
        exact=sql.SQL(exact).format(_quoted(column)),
        places=sql.Literal(MONEY_DECIMALS),
        column=_quoted(column),
    )


def _quoted(*names: str) -> sql.SQL:
    """Names as an identifier within a statement that has parameters, where psycopg wants % doubled."""
    return sql.SQL(sql.Identifier(*names).as_string().replace("%", "%%"))  # quoted by psycopg


def _all_columns(standing: TableInfo, partition_column: str) -> list[str]:
    if standing.kind != "p":
        return list(standing.columns)
    return [*(name for name in standing.columns if name != partition_column), partition_column]


def _field(standing: TableInfo, name: str) -> tuple[sql.Composable, pa.Field]:
    """Expression of a column, and its Arrow field; types that we don't write come as text."""
    info = standing.columns[name]
    arrow = arrow_type(info.type)
    column = _quoted(name)
    expression = column if arrow else sql.SQL("{}::text").format(column)
    metadata = {"description": info.comment} if info.comment else None
    return expression, pa.field(name, arrow or pa.string(), metadata=metadata)


def _conditions(where: Sequence[Condition]) -> tuple[list[sql.Composed], list[object]]:
    terms: list[sql.Composed] = []
    values: list[object] = []
    for column, comparison, value in where:
        if comparison not in _COMPARISONS:
            raise TargetError(f"unknown comparison {comparison!r}; known are {', '.join(_COMPARISONS)}")
        terms.append(sql.SQL(_COMPARISONS[comparison]).format(_quoted(column)))
        if comparison not in _WITHOUT_VALUE:
            values.append(list(cast("Sequence[object]", value)) if comparison == "in" else value)
    return terms, values


def _where(terms: Sequence[sql.Composed]) -> sql.Composed:
    if not terms:
        return sql.Composed([])
    return sql.SQL(" WHERE ") + sql.SQL(" AND ").join(terms)


def _check_columns(table: str, standing: TableInfo, asked: Sequence[str]) -> None:
    absent = sorted({name for name in asked if name not in standing.columns})
    if absent:
        names = ", ".join(map(repr, absent))
        raise TargetError(f"{table} has no column {names}; it has {', '.join(standing.columns)}")
