"""Rows out of BigQuery as a stream: filtered and projected by the service, paged over the REST API.

The Storage Read API would be faster and asks for a further right and a gRPC endpoint; a page at a time
needs nothing but the query's own rights, and a page's worth of memory.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from taxi_assets.exact_sums import MONEY_DECIMALS
from taxi_assets.targets.bigquery.connection import Connection
from taxi_assets.targets.bigquery.errors import explained
from taxi_assets.targets.bigquery.names import labels, quoted
from taxi_assets.targets.bigquery.schema import known_arrow, stored
from taxi_assets.targets.target import Condition, TargetError, Totals

if TYPE_CHECKING:
    from google.cloud import bigquery

    Parameter = bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter

ZERO = Decimal(0)
_ROWS_PER_PAGE = 20_000

_COMPARISONS = {
    "=": "{column} = {value}",
    "!=": "{column} != {value}",
    "<": "{column} < {value}",
    "<=": "{column} <= {value}",
    ">": "{column} > {value}",
    ">=": "{column} >= {value}",
    "in": "{column} IN UNNEST({value})",
    "is null": "{column} IS NULL",
    "is not null": "{column} IS NOT NULL",
}

_PARAMETER_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "BOOL"),  # before int, whose subclass it is
    (int, "INT64"),
    (float, "FLOAT64"),
    (Decimal, "NUMERIC"),
    (str, "STRING"),
    (bytes, "BYTES"),
    (datetime, "DATETIME"),  # before date, whose subclass it is
    (date, "DATE"),
    (time, "TIME"),
)


def stream(
    connection: Connection,
    table: str,
    schema: pa.Schema,
    partitions: Sequence[Condition | None],
    where: Sequence[Condition],
) -> pa.RecordBatchReader:
    """Rows of ``schema``'s columns, one query after the other, one for each of ``partitions``."""
    queries = [
        _select(connection, table, schema.names, (*([part] if part else []), *where)) for part in partitions
    ]
    return pa.RecordBatchReader.from_batches(schema, _batches(connection, queries, schema))


def _batches(
    connection: Connection, queries: "Sequence[tuple[str, list[Parameter]]]", schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    with explained(connection.place):
        for sql, parameters in queries:
            rows = connection.query(sql, parameters, page_size=_ROWS_PER_PAGE)
            for batch in rows.to_arrow_iterable():
                yield pa.record_batch(
                    [_restore(column, field) for column, field in zip(batch.columns, schema, strict=True)],
                    schema=schema,
                )


def select(connection: Connection, sql: str, told: Mapping[str, str]) -> pa.RecordBatchReader:
    """Rows of any one query, in the Arrow types that BigQuery's own have."""
    rows = connection.query(sql, labels=labels({**told}), page_size=_ROWS_PER_PAGE)
    schema = known_arrow(rows.schema, [])

    def batches() -> Iterator[pa.RecordBatch]:
        with explained(connection.place):
            for batch in rows.to_arrow_iterable():
                columns = [
                    _restore(column, field) for column, field in zip(batch.columns, schema, strict=True)
                ]
                yield pa.record_batch(columns, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _restore(column: pa.Array, field: pa.Field) -> pa.Array:
    """The column in the type that it was given in."""
    return column if column.type == field.type else column.cast(field.type)


def _select(
    connection: Connection, table: str, columns: Sequence[str], where: Sequence[Condition]
) -> "tuple[str, list[Parameter]]":
    condition, parameters = _condition(where)
    names = ", ".join(quoted(name) for name in columns)
    return f"SELECT {names} FROM {connection.place.sql(table)} WHERE {condition}", parameters  # noqa: S608


def _condition(where: Sequence[Condition]) -> "tuple[str, list[Parameter]]":
    """Terms as SQL with ``@p0``, ``@p1``, ... in the place of values."""
    terms: list[str] = []
    parameters: list[Parameter] = []
    for column, comparison, value in where:
        if comparison not in _COMPARISONS:
            raise TargetError(f"{comparison!r} is no comparison: use one of {', '.join(_COMPARISONS)}")
        name = f"p{len(parameters)}"
        template = _COMPARISONS[comparison]
        terms.append(template.format(column=quoted(column), value=f"@{name}"))
        if "{value}" in template:
            parameters.append(_parameter(name, column, comparison, value))
    return " AND ".join(terms) or "TRUE", parameters


def _parameter(name: str, column: str, comparison: str, value: Any) -> "Parameter":
    from google.cloud import bigquery

    if comparison != "in":
        return bigquery.ScalarQueryParameter(name, _kind(column, value), value)
    # NULL equals nothing, so it is not missed; an array parameter can't hold it.
    values = [one for one in value if one is not None]
    kind = (
        "FLOAT64" if {float, int} <= set(map(type, values)) else _kind(column, values[0] if values else None)
    )
    return bigquery.ArrayQueryParameter(name, kind, values)


def _kind(column: str, value: object) -> str:
    if value is None:
        return "STRING"
    if isinstance(value, datetime) and value.tzinfo is not None:
        return "TIMESTAMP"
    for kind, name in _PARAMETER_KINDS:
        if isinstance(value, kind):
            return name
    raise TargetError(
        f"{value!r} can't be compared with column {column!r}: {type(value).__name__} is no SQL value"
    )


def totals(
    connection: Connection, table: str, schema: pa.Schema, part: Condition | None, columns: Sequence[str]
) -> Totals:
    """Count rows and add up columns, rounding each value first, so that their order can't matter."""
    sums = [f"SUM({exact(_finite(schema.field(name)))})" for name in columns]
    condition, parameters = _condition([part] if part else [])
    selected = ", ".join(["COUNT(*)", *sums])
    sql = f"SELECT {selected} FROM {connection.place.sql(table)} WHERE {condition}"  # noqa: S608
    rows, *found = next(iter(connection.query(sql, parameters))).values()
    return Totals(rows, {name: _rounded(value) for name, value in zip(columns, found, strict=True)})


def exact(value: str) -> str:
    """SQL for a number as a decimal of ``MONEY_DECIMALS`` places, rounded half away from zero.

    By its text: BigQuery takes no precision in a cast ("Parameterized types are not allowed in CAST
    expressions"), and its emulator takes a NUMERIC without one for a decimal of three places.
    """
    return f"ROUND(PARSE_NUMERIC(CAST({value} AS STRING)), {MONEY_DECIMALS})"


def _finite(column: pa.Field) -> str:
    name, kind = quoted(column.name), stored(column).kind
    if kind == "FLOAT":
        return f"IF(IS_NAN({name}) OR IS_INF({name}), NULL, {name})"
    if kind in {"INTEGER", "NUMERIC", "BIGNUMERIC"}:
        return name
    raise TargetError(f"column {column.name!r} is {kind}, which can't be added up")


def _rounded(value: object) -> Decimal:
    return ZERO if value is None else Decimal(str(value))


def counts(connection: Connection, table: str, column: str | None) -> dict[date | None, int]:
    """Rows by partition, by query: the ``numRows`` of the table's metadata lags, or lies (emulators)."""
    name = connection.place.sql(table)
    if column is None:
        return {None: next(iter(connection.query(f"SELECT COUNT(*) FROM {name}")))[0]}  # noqa: S608
    cut = quoted(column)
    rows = connection.query(f"SELECT {cut}, COUNT(*) FROM {name} GROUP BY {cut} ORDER BY {cut}")  # noqa: S608
    return {row[0]: row[1] for row in rows}


def count(connection: Connection, table: str, part: Condition | None) -> int:
    """Rows of one partition; the service answers it from its metadata, at no cost."""
    condition, parameters = _condition([part] if part else [])
    sql = f"SELECT COUNT(*) FROM {connection.place.sql(table)} WHERE {condition}"  # noqa: S608
    rows: int = next(iter(connection.query(sql, parameters)))[0]
    return rows
