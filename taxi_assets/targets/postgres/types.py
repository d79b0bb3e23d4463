"""Which Arrow type is which Postgres type, and which may flow into which.

Binary COPY carries no types: an int64 written into a double precision column is stored as 5e-324
without a word. So every column travels in exactly one Arrow type, decided by the table's column, and
whatever the stream brings is compared with it before the first byte is sent.
"""

import re
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types as t

from taxi_assets.targets.target import TargetError

_UTC_MICROS = pa.timestamp("us", tz="UTC")

_NAMES: dict[pa.DataType, str] = {
    pa.bool_(): "boolean",
    pa.int16(): "smallint",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float32(): "real",
    pa.float64(): "double precision",
    pa.string(): "text",
    pa.binary(): "bytea",
    pa.date32(): "date",
    pa.time64("us"): "time without time zone",
    pa.timestamp("us"): "timestamp without time zone",
    _UTC_MICROS: "timestamp with time zone",
}
_TYPES = {name: arrow for arrow, name in _NAMES.items()}

_TRAVELS_AS: tuple[tuple[Callable[[pa.DataType], bool], pa.DataType], ...] = (
    (lambda a: a in _NAMES, pa.null()),  # stands for: as it is
    (lambda a: a in (pa.int8(), pa.uint8()), pa.int16()),
    (t.is_uint16, pa.int32()),
    (t.is_uint32, pa.int64()),
    (t.is_uint64, pa.decimal128(20, 0)),
    (t.is_float16, pa.float32()),
    # A column that holds nothing but nulls and that the table lacks: text, as SQL says of a bare NULL.
    (lambda a: t.is_null(a) or t.is_large_string(a) or t.is_string_view(a), pa.string()),
    (lambda a: t.is_large_binary(a) or t.is_fixed_size_binary(a) or t.is_binary_view(a), pa.binary()),
    (t.is_date, pa.date32()),
    (t.is_time, pa.time64("us")),
)

_DIGITS = {pa.int16(): 5, pa.int32(): 10, pa.int64(): 19}
_WIDER: dict[pa.DataType, tuple[pa.DataType, ...]] = {
    pa.int16(): (pa.int32(), pa.int64(), pa.float32(), pa.float64()),
    pa.int32(): (pa.int64(), pa.float64()),
    pa.float32(): (pa.float64(),),
}


def travelling_type(arrow: pa.DataType) -> pa.DataType | None:
    """The Arrow type in which values of ``arrow`` are stored and come back, or None if Postgres has none."""
    if isinstance(arrow, pa.BaseExtensionType):
        return travelling_type(arrow.storage_type)
    if isinstance(arrow, pa.DictionaryType):
        return travelling_type(arrow.value_type)
    if isinstance(arrow, pa.TimestampType):
        return pa.timestamp("us") if arrow.tz is None else _UTC_MICROS
    if t.is_decimal(arrow):
        fits = arrow.precision <= 38 and 0 <= arrow.scale <= arrow.precision
        return pa.decimal128(arrow.precision, arrow.scale) if fits else None
    if isinstance(arrow, (pa.ListType, pa.LargeListType, pa.FixedSizeListType)):
        inner = travelling_type(arrow.value_type)
        return None if inner is None or t.is_list(inner) else pa.list_(inner)
    found = next((travels for matches, travels in _TRAVELS_AS if matches(arrow)), None)
    return arrow if found == pa.null() else found


def postgres_type(travelling: pa.DataType) -> str:
    """Postgres' name, as ``format_type`` spells it, for a type that ``travelling_type`` returned."""
    if t.is_decimal(travelling):
        return f"numeric({travelling.precision},{travelling.scale})"
    if isinstance(travelling, pa.ListType):
        return f"{postgres_type(travelling.value_type)}[]"
    return _NAMES[travelling]


def arrow_type(postgres: str) -> pa.DataType | None:
    """The Arrow type that a column of type ``postgres`` travels in, or None for a type not written here."""
    if postgres.endswith("[]"):
        inner = arrow_type(postgres.removesuffix("[]"))
        return None if inner is None else pa.list_(inner)
    numeric = re.fullmatch(r"numeric\((\d+),(\d+)\)", postgres)
    if numeric:
        precision, scale = int(numeric[1]), int(numeric[2])
        return pa.decimal128(precision, scale) if scale <= precision <= 38 else None
    if postgres.startswith("character varying"):
        return pa.string()
    return _TYPES.get(postgres)


def flows_into(stream: pa.DataType, column: pa.DataType) -> bool:
    """Whether every value of the travelling type ``stream`` is a value of ``column``, unchanged."""
    if stream == column or column in _WIDER.get(stream, ()):
        return True
    if t.is_decimal(column) and stream in _DIGITS:
        return bool(column.precision - column.scale >= _DIGITS[stream])
    if t.is_decimal(column) and t.is_decimal(stream):
        whole_digits = column.precision - column.scale >= stream.precision - stream.scale
        return bool(whole_digits and column.scale >= stream.scale)
    if isinstance(stream, pa.ListType) and isinstance(column, pa.ListType):
        return flows_into(stream.value_type, column.value_type)
    return False


def as_travelling(name: str, values: pa.Array, travelling: pa.DataType, first_row: int) -> pa.Array:
    """``values`` cast without loss to the type they travel in, and free of what Postgres can't hold.

    Args:
        name: The column, for errors.
        values: Some rows of it.
        travelling: Type of the table's column.
        first_row: Number of their first row in the stream, for errors.
    """
    cast = _cast(name, values, travelling, first_row)
    texts = cast.flatten() if t.is_list(travelling) else cast
    if t.is_string(texts.type):
        _refuse_nul(name, texts, first_row)
    return cast


def _cast(name: str, values: pa.Array, travelling: pa.DataType, first_row: int) -> pa.Array:
    if values.type == travelling:
        return values
    try:
        plain = values.storage if isinstance(values, pa.ExtensionArray) else values
        plain = plain.dictionary_decode() if isinstance(plain, pa.DictionaryArray) else plain
        return plain.cast(travelling)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise TargetError(
            f"column {name!r} can't be stored as {postgres_type(travelling)} without loss, in rows "
            f"{first_row} to {first_row + len(values) - 1} of the stream ({values.type}): {error}"
        ) from error


def _refuse_nul(name: str, texts: pa.Array, first_row: int) -> None:
    holds_nul = pc.match_substring(texts, "\x00")
    if not pc.any(holds_nul).as_py():
        return
    count = pc.sum(holds_nul).as_py()
    raise TargetError(
        f"column {name!r} holds the character NUL (\\x00), which Postgres can't store in text, in {count} of "
        f"{len(texts)} values from row {first_row} of the stream on: remove it before"
    )
