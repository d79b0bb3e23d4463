"""Reading rows back as Arrow, adding them up, naming what is asked for but not there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import cast

import psycopg
import pyarrow as pa
from psycopg import sql

from taxi_assets.exact_sums import MONEY_DECIMALS
from taxi_assets.targets.postgres.catalog import Child, TableInfo
from taxi_assets.targets.postgres.connection import Connection
from taxi_assets.targets.postgres.types import arrow_type
from taxi_assets.targets.target import Condition, TargetError, Totals

ROWS_AT_ONCE = 50_000  # Python objects of 19 columns: about 60 MB

_COMPARISONS = {
    **{sign: f"{{}} {sign} %s" for sign in ("=", "!=", "<", "<=", ">", ">=")},
    "in": "{} = ANY(%s)",
    "is null": "{} IS NULL",
    "is not null": "{} IS NOT NULL",
}
_WITHOUT_VALUE = ("is null", "is not null")

_FLOATS = ("real", "double precision")
_NUMBERS = ("smallint", "integer", "bigint", "numeric")

# Half away from zero, as DuckDB rounds: the largest number below a half carries every half, and nothing else,
# over the next whole number.
_HALF = "float8 '0.49999999999999994'"
_MILLIONTHS = f"trunc({{x}} * float8 '1e6' + CASE WHEN {{x}} >= 0 THEN {_HALF} ELSE -{_HALF} END)::bigint"
_SUM_OF_SMALL = f"coalesce(sum({_MILLIONTHS}), 0) * 0.000001"
# By way of text a float becomes numeric exactly; a cast keeps 15 digits. NaN is above infinity, in Postgres.
_SUM_OF_ALL = (
    f"coalesce(sum({_MILLIONTHS}) FILTER (WHERE abs({{x}}) < 9e12), 0) * 0.000001 + "
    f"coalesce(sum(round({{x}}::text::numeric, {MONEY_DECIMALS})) "
    "FILTER (WHERE abs({x}) >= 9e12 AND abs({x}) < 'Infinity'), 0)"
)
"""Above nine trillion dollars a bigint doesn't hold the millionths."""


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
    here = [sql.SQL("{} = %s").format(_quoted(partition_column))] if partition else []

    def ask(floats: str) -> Totals:
        sums = [_sum(f"{schema}.{table}", standing, column, floats) for column in columns]
        query = sql.SQL("SELECT {} FROM {}").format(
            sql.SQL(", ").join([sql.SQL("count(*)"), *sums]), _quoted(schema, table)
        )
        row = connection.execute(query + _where(here), [partition] if partition else []).fetchone()
        rows, *values = cast("tuple[int, *tuple[Decimal, ...]]", row)
        return Totals(rows, dict(zip(columns, values, strict=True)))

    try:
        return ask(_SUM_OF_SMALL)  # four times as fast
    except psycopg.errors.NumericValueOutOfRange:  # NaN, infinite, or no amount that anybody was charged
        return ask(_SUM_OF_ALL)


def _sum(table: str, standing: TableInfo, column: str, floats: str) -> sql.Composed:
    kind, name = standing.columns[column].type.partition("(")[0], _quoted(column)
    if kind in _FLOATS:
        return sql.SQL(floats).format(x=sql.SQL("{}::float8").format(name))
    if kind in _NUMBERS:
        return sql.SQL("coalesce(sum(round({}::numeric, {})), 0)").format(name, sql.Literal(MONEY_DECIMALS))
    raise TargetError(f"column {column!r} of {table} is {kind}: only numbers can be added up")


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
