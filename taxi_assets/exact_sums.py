"""Exact sums of doubles in DuckDB, which do not depend on the order of the rows.

A double is rounded to ``MONEY_DECIMALS`` places, half away from zero, before it is added. Below a hundred
billion it is added as a whole number of millionths, which takes half the time of a decimal; what is larger is
rare, and added as a decimal beside it. NaN and infinities have no place in such a sum and are left out; nulls
are too.
"""

from collections.abc import Mapping, Sequence
from decimal import Context, Decimal

MONEY_DECIMALS = 6
"""Places to which every store rounds an amount before it adds it."""

DECIMAL = f"DECIMAL(38, {MONEY_DECIMALS})"
"""Of the sums, and of each large value: one that it doesn't hold is DuckDB's ``ConversionException``."""

_SMALL = "1e11"  # its millionths are far within a BIGINT, and exact as a double's product
_DIGITS = Context(prec=40)  # Python's own rounds to 28


def two_sums(value: str) -> str:
    """Two terms of a SELECT that add up ``value``, a double: the millionths of the small, and the large."""
    whole = f"CAST(round({value} * {10**MONEY_DECIMALS}) AS BIGINT)"
    return (
        f"sum(CASE WHEN abs({value}) < {_SMALL} THEN {whole} END), "
        # Not FILTER: it would leave out the sum's rows, but not the cast of a NaN, which raises.
        f"sum(CASE WHEN abs({value}) >= {_SMALL} AND isfinite({value}) THEN CAST({value} AS {DECIMAL}) END)"
    )


def added(small: object, large: object) -> Decimal:
    """What ``two_sums`` found, as one number."""
    millionths = _DIGITS.create_decimal(str(small or 0))
    return _DIGITS.add(_DIGITS.scaleb(millionths, -MONEY_DECIMALS), _DIGITS.create_decimal(str(large or 0)))


def all_added(names: Sequence[str], found: Sequence[object]) -> Mapping[str, Decimal]:
    """The sums by name, out of a row that holds ``two_sums`` of each."""
    pairs = zip(found[::2], found[1::2], strict=True)
    return {name: added(*pair) for name, pair in zip(names, pairs, strict=True)}
