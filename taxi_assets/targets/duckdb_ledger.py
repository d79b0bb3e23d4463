"""The ledger of a DuckDB schema: which partitions were loaded, rows or none, and the facts of each."""

import json
from dataclasses import dataclass
from datetime import date

from taxi_assets.targets.duckdb_file import Connection
from taxi_assets.targets.sums import quoted
from taxi_assets.targets.target import Facts

LEDGER = "_partitions"


@dataclass(frozen=True)
class Ledger:
    """One table's part of it, over one connection."""

    connection: Connection
    schema_name: str
    table: str

    @property
    def _qualified(self) -> str:
        return f"{quoted(self.schema_name)}.{quoted(LEDGER)}"

    def known(self) -> dict[date | None, dict[str, str]]:
        """Facts of every partition that was loaded."""
        if not self._stands():
            return {}
        rows = self.connection.execute(
            f"SELECT partition, facts FROM {self._qualified} WHERE table_name = ?",  # noqa: S608
            [self.table],
        ).fetchall()
        return {partition: json.loads(facts) for partition, facts in rows}

    def record(self, partition: date | None, rows: int, facts: Facts) -> None:
        """Write a partition, in the place of what stood of it."""
        self.connection.execute(
            f"CREATE TABLE IF NOT EXISTS {self._qualified}"
            " (table_name VARCHAR, partition DATE, rows BIGINT, facts VARCHAR, replaced_at TIMESTAMPTZ)"
        )
        self.connection.execute(
            f"DELETE FROM {self._qualified} WHERE table_name = ? AND partition IS NOT DISTINCT FROM ?",  # noqa: S608
            [self.table, partition],
        )
        self.connection.execute(
            f"INSERT INTO {self._qualified} VALUES (?, ?, ?, ?, now())",  # noqa: S608
            [self.table, partition, rows, json.dumps(dict(facts))],
        )

    def forget(self) -> None:
        """Clear the table's part: it is made anew, perhaps because somebody dropped it."""
        if self._stands():
            self.connection.execute(
                f"DELETE FROM {self._qualified} WHERE table_name = ?",  # noqa: S608
                [self.table],
            )

    def _stands(self) -> bool:
        found = self.connection.execute(
            "SELECT 1 FROM duckdb_tables() WHERE database_name = current_database()"
            " AND schema_name = ? AND table_name = ?",
            [self.schema_name, LEDGER],
        )
        return bool(found.fetchall())
