"""What a read asks for: whether it is there, and its conditions as pyarrow expressions or on one value.

SQL's way with nulls: a comparison with null holds for nothing.
"""

import operator
from collections.abc import Callable, Sequence
from datetime import date
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from taxi_assets.targets.target import Condition, TargetError

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def expression(where: Sequence[Condition], schema: pa.Schema) -> pc.Expression | None:
    """All conditions as one expression, or None if there are none."""
    terms = [_term(condition, schema) for condition in where]
    return reduce(operator.and_, terms) if terms else None


def holds(condition: Condition, value: object) -> bool:
    """Whether the condition holds for this one value of its column."""
    _, comparison, wanted = condition
    if comparison in {"is null", "is not null"}:
        return (value is None) == (comparison == "is null")
    if value is None or wanted is None:
        return False
    if comparison == "in":
        return value in list(_values(wanted))
    return bool(_COMPARE[comparison](value, wanted))


def check_conditions(table: str, where: Sequence[Condition], names: Sequence[str]) -> None:
    """Refuse conditions on columns that aren't there, and comparisons that don't exist.

    Raises:
        TargetError: Says which, and what there is.
    """
    for column, comparison, _ in where:
        if column not in names:
            raise TargetError(f"{table} has no column {column}; it has {', '.join(names)}")
        if comparison not in {*_COMPARE, "in", "is null", "is not null"}:
            raise TargetError(
                f"{table}: {column} {comparison!r}: the comparisons are {', '.join(_COMPARE)}, "
                "in, is null, is not null"
            )


def check_columns(table: str, wanted: Sequence[str], there: Sequence[str]) -> None:
    """Refuse columns that aren't there.

    Raises:
        TargetError: Says which, and what there is.
    """
    missing = [name for name in wanted if name not in there]
    if missing:
        raise TargetError(f"{table} has no column {', '.join(missing)}; it has {', '.join(there)}")


def check_partitions(
    table: str, wanted: Sequence[date] | None, there: Sequence[date | None]
) -> list[date | None]:
    """The partitions to read, all that are there if ``wanted`` is None.

    Raises:
        TargetError: Some aren't there: says which, and what is.
    """
    if wanted is None:
        return list(there)
    missing = [str(one) for one in wanted if one not in there]
    if missing:
        standing = ", ".join(str(one) for one in there if one) or "only rows without a partition"
        raise TargetError(f"{table} has no partition {', '.join(missing)}; it has {standing}")
    return list(wanted)


def _term(condition: Condition, schema: pa.Schema) -> pc.Expression:
    name, comparison, value = condition
    column = pc.field(name)
    if comparison == "is null":
        return column.is_null()
    if comparison == "is not null":
        return column.is_valid()
    if comparison == "in":
        values = [one for one in _values(value) if one is not None]
        return column.isin(pa.array(values, type=schema.field(name).type))
    result: pc.Expression = _COMPARE[comparison](column, pa.scalar(value))
    return result


def _values(value: object) -> Sequence[object]:
    if isinstance(value, (str, bytes)) or not isinstance(value, (Sequence, set, frozenset)):
        raise TargetError(f"'in' takes a list of values, not {value!r}")
    return list(value)
