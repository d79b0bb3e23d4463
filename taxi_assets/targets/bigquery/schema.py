"""Arrow types and BigQuery types: what is stored as what, and how a table and a stream fit together.

BigQuery has one integer and one float, so the Arrow width is lost in the table; the ledger keeps the
Arrow schema, and ``read`` gives it back. Wall-clock timestamps (no zone) are DATETIME, never TIMESTAMP.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.types as pt

from taxi_assets.targets.arrow_schema import check_stream, plain_schema
from taxi_assets.targets.bigquery.names import checked_column
from taxi_assets.targets.target import TargetError

if TYPE_CHECKING:
    from google.cloud import bigquery

_NUMERIC_SCALE, _NUMERIC_WHOLE = 9, 29  # NUMERIC: 29 digits before the point, 9 after it
_BIGNUMERIC_SCALE, _BIGNUMERIC_WHOLE = 38, 38

_KINDS = (
    (pt.is_boolean, "BOOLEAN", pa.bool_()),
    (lambda kind: pt.is_integer(kind) and kind != pa.uint64(), "INTEGER", pa.int64()),
    (lambda kind: pt.is_float32(kind) or pt.is_float64(kind), "FLOAT", pa.float64()),
    (pt.is_string, "STRING", pa.string()),
    (pt.is_binary, "BYTES", pa.binary()),
    (pt.is_fixed_size_binary, "BYTES", pa.binary()),
    (pt.is_date, "DATE", pa.date32()),
    (pt.is_time, "TIME", pa.time64("us")),
    (lambda kind: pt.is_timestamp(kind) and kind.tz is None, "DATETIME", pa.timestamp("us")),
    (pt.is_timestamp, "TIMESTAMP", pa.timestamp("us", tz="UTC")),
)
"""Test, BigQuery's type (as the REST API spells it), the Arrow type that is written into the file."""

_READ_AS = {name: stored for _, name, stored in _KINDS} | {
    "INT64": pa.int64(),
    "FLOAT64": pa.float64(),
    "BOOL": pa.bool_(),
    "NUMERIC": pa.decimal128(38, _NUMERIC_SCALE),
    "BIGNUMERIC": pa.decimal256(76, _BIGNUMERIC_SCALE),
}

_LEGACY_NAMES = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN"}


@dataclass(frozen=True)
class Stored:
    """How one Arrow type is kept: BigQuery's type, whether it repeats, the Arrow type in the file."""

    kind: str
    repeated: bool
    arrow: pa.DataType

    def __str__(self) -> str:
        return f"ARRAY<{self.kind}>" if self.repeated else self.kind


@dataclass(frozen=True)
class Layout:
    """The columns of a table once a stream has come: those it had, in its order, then the new ones.

    Attributes:
        arrow: All columns with the Arrow types that readers get, the partition column included.
        added: Names of those that the table has not got yet; all, where there is no table.
    """

    arrow: pa.Schema
    added: tuple[str, ...]

    @property
    def file_schema(self) -> pa.Schema:
        """The same columns with the types that the Parquet file holds."""
        return pa.schema([pa.field(column.name, stored(column).arrow) for column in self.arrow])

    @property
    def fields(self) -> "list[bigquery.SchemaField]":
        """The same columns as BigQuery's schema, descriptions included."""
        return [schema_field(column) for column in self.arrow]


def stored(column: pa.Field) -> Stored:
    """How ``column`` is kept.

    Raises:
        TargetError: BigQuery, or this target, has no place for its type.
    """
    kind = column.type
    if pt.is_list(kind):
        element = stored(pa.field(column.name, kind.value_type))
        if not element.repeated:
            return Stored(element.kind, repeated=True, arrow=pa.list_(element.arrow))
    if pt.is_decimal(kind):
        return _stored_decimal(column)
    for fits, name, arrow in _KINDS:
        if fits(kind):
            return Stored(name, repeated=False, arrow=arrow)
    raise TargetError(
        f"column {column.name!r} is {kind}, which BigQuery can't hold: cast it to a boolean, an integer of "
        "up to 64 bits with a sign, a float, decimal, text, bytes, date, time, timestamp, or a list of these"
    )


def _stored_decimal(column: pa.Field) -> Stored:
    kind = column.type
    whole, scale = kind.precision - kind.scale, kind.scale
    if 0 <= scale <= _NUMERIC_SCALE and whole <= _NUMERIC_WHOLE:
        return Stored("NUMERIC", repeated=False, arrow=kind)
    if 0 <= scale <= _BIGNUMERIC_SCALE and whole <= _BIGNUMERIC_WHOLE:
        return Stored("BIGNUMERIC", repeated=False, arrow=kind)
    raise TargetError(
        f"column {column.name!r} is {kind}, which BigQuery can't hold: it has 38 digits beside the point"
    )


def description(metadata: dict[bytes, bytes] | None, longest: int = 1024) -> str | None:
    """What Arrow metadata says under ``description``; BigQuery takes 1,024 characters for a column."""
    text = (metadata or {}).get(b"description", b"").decode()
    return text[:longest] or None


def schema_field(column: pa.Field) -> "bigquery.SchemaField":
    """``column`` as BigQuery's schema has it. Always nullable: a later month may lack it."""
    from google.cloud import bigquery

    kept = stored(column)
    mode = "REPEATED" if kept.repeated else "NULLABLE"
    told = description(column.metadata)
    if told is None:
        return bigquery.SchemaField(column.name, kept.kind, mode=mode)
    return bigquery.SchemaField(column.name, kept.kind, mode=mode, description=told)


def kind_of(field: "bigquery.SchemaField") -> str:
    """A stored column's type, as ``Stored`` writes it."""
    kind = _LEGACY_NAMES.get(field.field_type, field.field_type)
    return f"ARRAY<{kind}>" if field.mode == "REPEATED" else kind


def natural_arrow(field: "bigquery.SchemaField") -> pa.Field:
    """The Arrow column for a stored one of which the ledger knows nothing."""
    kind = _READ_AS.get(_LEGACY_NAMES.get(field.field_type, field.field_type))
    if kind is None:
        raise TargetError(f"column {field.name!r} is {field.field_type}, which this target can't read")
    return pa.field(field.name, pa.list_(kind) if field.mode == "REPEATED" else kind)


def known_arrow(fields: "Iterable[bigquery.SchemaField]", remembered: Sequence[pa.Schema]) -> pa.Schema:
    """The table's columns in its order, with the Arrow types that its loads brought, oldest load first.

    Where loads brought several widths of one kind, the widest wins, so that every month can be read.
    """
    columns: dict[str, pa.Field] = {}
    for schema in remembered:
        for column in schema:
            columns[column.name] = wider(columns.get(column.name), column)
    fitting = (columns.get(field.name) for field in fields)
    return pa.schema(
        [
            column if column is not None and str(stored(column)) == kind_of(field) else natural_arrow(field)
            for field, column in zip(fields, fitting, strict=True)
        ]
    )


def wider(known: pa.Field | None, new: pa.Field) -> pa.Field:
    """``new`` with the wider of two types of one kind; the known one where neither is."""
    if known is None or known.type == new.type:
        return new
    if pt.is_primitive(known.type) and pt.is_primitive(new.type):
        return new if new.type.bit_width > known.type.bit_width else new.with_type(known.type)
    return new.with_type(known.type)


def merge(
    table: str, known: pa.Schema | None, stream: pa.Schema, partition_column: str, *, cut: bool
) -> Layout:
    """Fit a stream's columns to a table's.

    Args:
        table: Its name, for messages.
        known: The table's columns as ``known_arrow`` gives them; None if there is no table.
        stream: The stream's columns, without the partition column.
        partition_column: Name of the partition column.
        cut: Whether the table has partitions, and so that column.

    Raises:
        TargetError: A column changes its type, or can't exist in BigQuery: names it, both types, the fix.
    """
    check_stream(table, stream, partition_column)
    incoming = plain_schema(stream)
    _check_names(incoming)
    columns = {} if known is None else {column.name: column for column in known}
    before = dict(columns)
    by_lower = {name.lower(): name for name in columns}
    for column in incoming:
        if by_lower.get(column.name.lower(), column.name) != column.name:
            twin = by_lower[column.name.lower()]
            raise TargetError(
                f"column {column.name!r} and the table's {twin!r} are one to BigQuery: rename it"
            )
        columns[column.name] = _fit(columns.get(column.name), column)
    if cut and partition_column not in columns:
        columns[partition_column] = pa.field(partition_column, pa.date32())
    added = tuple(name for name in columns if name not in before)
    return Layout(pa.schema(list(columns.values()), metadata=incoming.metadata), added)


def _check_names(incoming: pa.Schema) -> None:
    seen: dict[str, str] = {}
    for name in incoming.names:
        twin = seen.setdefault(checked_column(name).lower(), name)
        if twin is not name:
            raise TargetError(f"columns {twin!r} and {name!r} are one to BigQuery: rename one of them")


def _fit(known: pa.Field | None, new: pa.Field) -> pa.Field:
    becomes = stored(new)
    if known is None:
        return new
    was = stored(known)
    if str(was) != str(becomes):
        raise TargetError(
            f"column {new.name!r} is {was} ({known.type}) in the table and {becomes} ({new.type}) in the "
            f"stream: cast it to {known.type}, or rename it, or rebuild the table"
        )
    merged = wider(known, new)
    return merged if merged.metadata else merged.with_metadata(known.metadata)
