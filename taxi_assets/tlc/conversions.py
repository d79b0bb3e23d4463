"""From a published column's type to its canonical one: which SQL converts it, and what it can't convert.

Every conversion is exact. A value that it can't take exactly is a *misfit* and raises while the stream
runs. Text is trimmed, and empty text in a column of numbers or times is null, as the CSV copies mean it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import pyarrow as pa

from taxi_assets.tlc.column import Column, Kind

Family = Literal["int", "float", "text", "timestamp", "timestamp_ns", "null", "other"]

_SQL_TYPES: Mapping[Kind, str] = MappingProxyType(
    {"int": "INTEGER", "float": "DOUBLE", "text": "VARCHAR", "time": "TIMESTAMP"}
)

_TEXT = "nullif(trim({x}), '')"
_NUMBER = f"TRY_CAST({_TEXT} AS DOUBLE)"
_TIME = f"TRY_CAST({_TEXT} AS TIMESTAMP)"
_NOT_INT32 = "(NOT isfinite({n}) OR {n} <> trunc({n}) OR abs({n}) > 2147483647)"
# Years that Python, Postgres, BigQuery's DATETIME and DuckDB can all hold.
_OUT_OF_RANGE = "({t} < TIMESTAMP '0001-01-01' OR {t} >= TIMESTAMP '9999-12-31')"

# NaN and the infinities pass: sums leave them out, and a rule rejects their rows.
_TOO_MUCH = "({n} NOT BETWEEN -1e15 AND 1e15 AND isfinite({n}))"


def _unlike(pattern: str, *misfits: str) -> str:
    """SQL, true for text that isn't written like ``pattern``, or is one of ``misfits``.

    DuckDB's casts are generous: they drop a time zone and the seventh decimal of a second without a word,
    and take 1_000, +-5, inf and epoch. A look at how it is written costs 35 ns a time and 25 ns a number.
    """
    wrong = " OR ".join([f"NOT regexp_full_match({_TEXT}, '{pattern}')", *misfits])
    return f"({_TEXT} IS NOT NULL AND ({wrong}))"


_WHOLE_TEXT = r"[+-]?\d+(\.0*)?"  # where a column has gaps, pandas writes its whole numbers as 1.0
_NUMBER_TEXT = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_TIME_TEXT = r"\d\d\d\d-\d\d-\d\d[ T]([01]\d|2[0-3]):\d\d(:\d\d(\.\d\d?\d?\d?\d?\d?)?)?"

_WHOLE = "whole numbers of 32 bits"
_DOLLARS = "amounts of at most 10^15 dollars"
_TIMES = "times between the years 1 and 9999"

# (canonical kind, published family): value, misfit (or None), what a misfit is not. Money is more than a
# float: its sums are proved to be conserved, and an amount that has no sum would break the proof instead.
_CONVERSIONS: Mapping[tuple[Kind | Literal["money"], Family], tuple[str, str | None, str]] = MappingProxyType(
    {
        ("int", "int"): ("CAST({x} AS INTEGER)", "abs({x}::HUGEINT) > 2147483647", _WHOLE),
        ("int", "float"): ("CAST({x} AS INTEGER)", _NOT_INT32.format(n="{x}"), _WHOLE),
        ("int", "text"): (
            f"CAST({_NUMBER} AS INTEGER)",
            _unlike(_WHOLE_TEXT, f"{_NUMBER} IS NULL", _NOT_INT32.format(n=_NUMBER)),
            _WHOLE,
        ),
        ("float", "float"): ("CAST({x} AS DOUBLE)", None, ""),
        ("float", "int"): (
            "CAST({x} AS DOUBLE)",
            "abs({x}::HUGEINT) > 9007199254740992",
            "numbers that a double holds exactly",
        ),
        ("float", "text"): (
            _NUMBER,
            _unlike(_NUMBER_TEXT, f"{_NUMBER} IS NULL", f"NOT isfinite({_NUMBER})"),
            "numbers",
        ),
        ("money", "float"): ("CAST({x} AS DOUBLE)", _TOO_MUCH.format(n="{x}"), _DOLLARS),
        ("money", "int"): ("CAST({x} AS DOUBLE)", "abs({x}::HUGEINT) > 1000000000000000", _DOLLARS),
        ("money", "text"): (
            _NUMBER,
            _unlike(_NUMBER_TEXT, f"{_NUMBER} IS NULL", f"{_NUMBER} NOT BETWEEN -1e15 AND 1e15"),
            _DOLLARS,
        ),
        ("text", "text"): ("{x}", None, ""),
        ("time", "timestamp"): ("CAST({x} AS TIMESTAMP)", _OUT_OF_RANGE.format(t="{x}"), _TIMES),
        ("time", "timestamp_ns"): (
            "CAST({x} AS TIMESTAMP)",
            "epoch_ns({x}) % 1000 <> 0",
            "times in whole microseconds",
        ),
        ("time", "text"): (
            _TIME,
            _unlike(_TIME_TEXT, f"{_TIME} IS NULL", _OUT_OF_RANGE.format(t=_TIME)),
            f"{_TIMES} like 2009-01-04 02:52:00",
        ),
    }
)

# Yellow 2009 publishes the flag as a number.
_FLAG = ("CASE {x} WHEN 0 THEN 'N' WHEN 1 THEN 'Y' END", "{x} NOT IN (0, 1)", "0 or 1")
_SPECIAL: Mapping[tuple[str, Family], tuple[str, str | None, str]] = MappingProxyType(
    {("store_and_fwd_flag", "float"): _FLAG, ("store_and_fwd_flag", "int"): _FLAG}
)


@dataclass(frozen=True)
class Conversion:
    """How one file's column becomes a canonical one.

    Attributes:
        column: The canonical column.
        raw_name: The file's name for it, or None if the file's era lacks it.
        source: The file's column as quoted SQL.
        value: SQL of the canonical value.
        misfit: SQL, true for a value that can't be converted without loss; None if all can.
        expected: What such a value is not, for the error.
        all_null: The file has no value for it: its era lacks the column, or published it empty.
    """

    column: Column
    raw_name: str | None
    source: str
    value: str
    misfit: str | None
    expected: str
    all_null: bool = False

    @property
    def sql(self) -> str:
        """SQL of the value that raises on a misfit."""
        if not self.misfit:
            return self.value
        return f"CASE WHEN {self.misfit} THEN error('misfit') ELSE {self.value} END"


def convert(column: Column, field: pa.Field | None) -> Conversion:
    """Choose the conversion of a file's ``field`` to ``column``; a field that is absent becomes null.

    Raises:
        TypeError: No exact conversion exists between the two types.
    """
    null = f"CAST(NULL AS {_SQL_TYPES[column.kind]})"
    if field is None:
        return Conversion(column, None, "NULL", null, None, "", all_null=True)
    quoted = '"' + field.name.replace('"', '""') + '"'
    found = family(field.type)
    if found == "null":
        return Conversion(column, field.name, quoted, null, None, "", all_null=True)
    kind = "money" if column.unit == "USD" else column.kind
    entry = _SPECIAL.get((column.name, found)) or _CONVERSIONS.get((kind, found))
    if entry is None:
        raise TypeError(
            f"column {field.name!r} is {field.type}, which can't become {_SQL_TYPES[column.kind].lower()} "
            f"without loss; if the TLC changed its type, add a conversion to taxi_assets/tlc/conversions.py"
        )
    value, misfit, expected = entry
    return Conversion(
        column, field.name, quoted, value.format(x=quoted), misfit and misfit.format(x=quoted), expected
    )


def family(arrow_type: pa.DataType) -> Family:
    """Which kind of published type this is, widths aside."""
    if pa.types.is_timestamp(arrow_type) and arrow_type.tz is None:
        return "timestamp_ns" if arrow_type.unit == "ns" else "timestamp"
    tests: tuple[tuple[Family, bool], ...] = (
        ("int", pa.types.is_integer(arrow_type)),
        ("float", pa.types.is_floating(arrow_type)),
        ("text", pa.types.is_string(arrow_type) or pa.types.is_large_string(arrow_type)),
        ("null", pa.types.is_null(arrow_type)),
    )
    return next((name for name, true in tests if true), "other")


def published_type(arrow_type: pa.DataType) -> tuple[Kind, str]:
    """Canonical kind and the schema table's word for a type, to propose a line for an unknown column."""
    words: Mapping[Family, tuple[Kind, str]] = {
        "int": ("int", str(arrow_type)),
        "float": ("float", "double"),
        "timestamp": ("time", "timestamp"),
        "timestamp_ns": ("time", "timestamp"),
    }
    return words.get(family(arrow_type), ("text", str(arrow_type)))
