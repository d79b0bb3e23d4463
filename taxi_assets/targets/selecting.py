"""A further ability of stores that answer SQL: one SELECT over their tables, as a stream of record batches.

Not part of the contract in ``target.py``, as a store of files has no SQL. What a SELECT may say differs
between stores, so each names its dialect.
"""

import re
from typing import ClassVar, Protocol, runtime_checkable

import pyarrow as pa

from taxi_assets.targets.target import TargetError

_SELECT = re.compile(r"(\s|--[^\n]*\n)*(SELECT|WITH|\()", re.IGNORECASE)


@runtime_checkable
class Selects(Protocol):
    """A store that answers a SELECT."""

    dialect: ClassVar[str]
    """What its SQL is called: ``duckdb``, ``bigquery``."""

    def select(self, sql: str) -> pa.RecordBatchReader:
        """Run one SELECT and stream its rows, all from one snapshot of the store; nothing can be changed.

        Raises:
            TargetError: It is no SELECT, or the store refuses it: says why.
        """

    def sql_name(self, table: str) -> str:
        """``full_name`` as it stands in a SELECT: quoted."""


def checked_select(sql: str) -> str:
    """``sql`` if it is one statement that reads, as far as its text can tell.

    No ``;`` at all, not even in a string: it is where a second statement would begin.

    Raises:
        TargetError: It is none.
    """
    if not _SELECT.match(sql) or ";" in sql:
        raise TargetError(f"expected one SELECT without a ';', found {sql.strip()[:80]!r}")
    return sql
