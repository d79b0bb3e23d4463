"""Exact sums of doubles in DuckDB, which do not depend on the order of the rows.

A double is rounded to six decimals, half away from zero, before it is added. Below a hundred billion it is
added as a whole number of millionths, which takes half the time of a decimal; what is larger is rare, and
added as a decimal beside it. NaN and infinities have no place in such a sum and are left out; nulls are too.
"""

from decimal import Context, Decimal

DECIMAL = "DECIMAL(38, 6)"
"""Of the sums, and of each large value: one that it doesn't hold is DuckDB's ``ConversionException``."""

_SMALL = "1e11"  # its millionths are far within a BIGINT, and exact as a double's product
_DIGITS = Context(prec=40)  # Python's own rounds to 28


def two_sums(value: str) -> str:
    """Two terms of a SELECT that add up ``value``, a double: the millionths of the small, and the large."""
    return (
        f"sum(CASE WHEN abs({value}) < {_SMALL} THEN CAST(round({value} * 1000000) AS BIGINT) END), "
        # Not FILTER: it would leave out the sum's rows, but not the cast of a NaN, which raises.
        f"sum(CASE WHEN abs({value}) >= {_SMALL} AND isfinite({value}) THEN CAST({value} AS {DECIMAL}) END)"
    )


def added(small: object, large: object) -> Decimal:
    """What ``two_sums`` found, as one number with six decimals."""
    millionths = _DIGITS.create_decimal(str(small or 0))
    return _DIGITS.add(_DIGITS.scaleb(millionths, -6), _DIGITS.create_decimal(str(large or 0)))
