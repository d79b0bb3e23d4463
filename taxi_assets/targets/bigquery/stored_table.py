"""A table as it stands: what BigQuery says of it, and what the ledger remembers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa

from taxi_assets.targets.bigquery import read as reading
from taxi_assets.targets.bigquery.connection import Connection
from taxi_assets.targets.bigquery.ledger import Ledger, Standing
from taxi_assets.targets.bigquery.schema import known_arrow
from taxi_assets.targets.target import Condition, Held, TargetError

if TYPE_CHECKING:
    from google.cloud import bigquery


@dataclass(frozen=True)
class StoredTable:
    """A table that there is.

    Attributes:
        name: Its name.
        table: As BigQuery tells of it.
        arrow: Its columns.
        partition_column: By which it is cut; None if it is not.
        remembered: Of its loads.
    """

    name: str
    table: "bigquery.Table"
    arrow: pa.Schema
    partition_column: str | None
    remembered: Standing

    def part(self, partition: date | None) -> Condition | None:
        """The term of a filter that only a partition's rows meet."""
        if self.partition_column is None or partition is None:
            return None
        return self.partition_column, "=", partition

    def held(self, connection: Connection, partition: date | None) -> Held | None:
        """A partition by count, with the facts of its load."""
        if (partition is None) != (self.partition_column is None):
            return None
        entry = self.remembered.entry(partition)
        rows = reading.count(connection, self.name, self.part(partition))
        if entry is None and rows == 0 and partition is not None:
            return None
        return Held(rows, {} if entry is None else entry.facts)

    def require(self, what: str, wanted: Iterable[str], there: Iterable[str]) -> None:
        """Look whether the table has what is asked for.

        Raises:
            TargetError: It has not: says what it has.
        """
        known = list(there)
        missing = [name for name in wanted if name not in known]
        if missing:
            listed = ", ".join(known) or "none"
            raise TargetError(f"table {self.name!r} has no {what} {', '.join(missing)}; it has: {listed}")


def find(connection: Connection, table: str) -> StoredTable | None:
    """The table as it stands, or None."""
    found = connection.find(table)
    if found is None:
        return None
    remembered = Ledger(connection).standing(table)
    arrow = known_arrow(found.schema, [entry.arrow for entry in remembered.entries.values()])
    cut_by = None if found.time_partitioning is None else found.time_partitioning.field
    return StoredTable(table, found, arrow, cut_by, remembered)


def must_find(connection: Connection, table: str) -> StoredTable:
    """The table as it stands.

    Raises:
        TargetError: There is none: says which there are.
    """
    found = find(connection, table)
    if found is None:
        there = ", ".join(name for name in connection.tables() if not name.startswith("_")) or "none"
        raise TargetError(f"there is no table {table!r} in {connection.place.path}; there is: {there}")
    return found
