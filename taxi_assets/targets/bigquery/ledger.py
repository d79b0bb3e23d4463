"""What is remembered beside a partition: its facts, its Arrow schema, and the job that brought it.

A small table ``_partitions`` in the dataset, because nothing else will do: labels hold 63 characters and
belong to whole tables, a description is one text that two concurrent months would overwrite. Rows are
only ever inserted: BigQuery serialises UPDATE and DELETE on a table, but not INSERT, so that a backfill's
months do not wait for each other.

A load job and a row can't be written in one transaction. So the intent is written first, with the job's
key, and the outcome after it; where the outcome is missing (the process died in between), the job itself
says what became of it. Facts therefore never speak of other rows than those that stand in the table.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from taxi_assets.targets.bigquery.connection import Connection
from taxi_assets.targets.bigquery.names import partition_key
from taxi_assets.targets.target import Facts

if TYPE_CHECKING:
    from google.cloud import bigquery

LEDGER = "_partitions"
_COLUMNS = ("table_name", "part", "state", "job", "facts", "arrow_schema", "written_at")
_LAST = "QUALIFY ROW_NUMBER() OVER (PARTITION BY job ORDER BY written_at DESC) = 1"
"""Of several intents of one job: a run that died left one, and the run that finds its job adds its own."""

_LOADING, _STAGED, _DONE = "loading", "staged", "done"  # an intent of either way to replace; the outcome


@dataclass(frozen=True)
class Entry:
    """One load of one partition: the key of its job, the facts told, the table's Arrow schema by then."""

    job: str
    facts: Facts
    arrow: pa.Schema


@dataclass(frozen=True)
class Standing:
    """What the ledger knows of a table.

    Attributes:
        entries: The load whose rows stand in each partition, by ``partition_key``, oldest load first.
        unsettled: Keys of loads by partition, whose outcome nobody wrote down: their jobs may still run.
    """

    entries: Mapping[str, Entry] = field(default_factory=dict)
    unsettled: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def entry(self, partition: date | None) -> Entry | None:
        """The load whose rows stand in ``partition``."""
        return self.entries.get(partition_key(partition))

    def facts(self, partition: date | None) -> Facts:
        """What was told with them; nothing, if they came some other way."""
        entry = self.entry(partition)
        return {} if entry is None else entry.facts

    @property
    def days(self) -> list[date]:
        """Partitions of which something is remembered, rows or none."""
        return sorted(date.fromisoformat(key) for key in self.entries if key)


@dataclass(frozen=True)
class Ledger:
    """The ledger of a dataset."""

    connection: Connection

    def ensure(self) -> None:
        """Create the ledger if there is none."""
        from google.cloud import bigquery

        kinds = {"written_at": "TIMESTAMP"}
        fields = [bigquery.SchemaField(name, kinds.get(name, "STRING")) for name in _COLUMNS]
        table = bigquery.Table(self.connection.place.table(LEDGER), schema=fields)
        table.clustering_fields = ["table_name", "part"]
        table.description = (
            "Facts about every partition of the tables here; written by their loads, append-only."
        )
        self.connection.client.create_table(table, exists_ok=True, retry=self.connection.retry)

    def intend(self, table: str, partition: date | None, entry: Entry, *, in_transaction: bool) -> None:
        """Write down what is about to happen."""
        from google.cloud import bigquery

        values = {
            "table_name": table,
            "part": partition_key(partition),
            "state": _STAGED if in_transaction else _LOADING,
            "job": entry.job,
            "facts": json.dumps(dict(entry.facts), sort_keys=True),
            "arrow_schema": base64.b64encode(entry.arrow.serialize().to_pybytes()).decode(),
        }
        marks = ", ".join(f"@{name}" for name in values)
        self.connection.query(
            f"INSERT INTO {self._sql} ({', '.join(_COLUMNS)}) VALUES ({marks}, CURRENT_TIMESTAMP())",  # noqa: S608
            [bigquery.ScalarQueryParameter(name, "STRING", value) for name, value in values.items()],
        )

    def conclude(self, key: str, at: datetime) -> None:
        """Write down that the load of ``key`` ended well, at the time at which its rows became visible."""
        from google.cloud import bigquery

        self.connection.query(
            f"INSERT INTO {self._sql} ({', '.join(_COLUMNS)}) "  # noqa: S608
            f"SELECT table_name, part, '{_DONE}', job, facts, arrow_schema, @at "
            f"FROM {self._sql} WHERE job = @job AND state = '{_LOADING}' {_LAST}",
            [
                bigquery.ScalarQueryParameter("at", "TIMESTAMP", at),
                bigquery.ScalarQueryParameter("job", "STRING", key),
            ],
        )

    def conclusion(self, key: str) -> str:
        """The statement that concludes ``key`` inside a transaction; the key is put in as text.

        Raises:
            ValueError: It is none of ``work_key``'s, which hold no quotes.
        """
        if not key.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"not a job key: {key!r}")
        return (
            f"INSERT INTO {self._sql} ({', '.join(_COLUMNS)}) "  # noqa: S608
            f"SELECT table_name, part, '{_DONE}', job, facts, arrow_schema, CURRENT_TIMESTAMP() "
            f"FROM {self._sql} WHERE job = '{key}' AND state = '{_STAGED}' {_LAST}"
        )

    def standing(self, table: str) -> Standing:
        """What stands in the table, by the outcomes written down and the jobs of those that were not."""
        if self.connection.find(LEDGER) is None:
            return Standing()
        settled: dict[str, tuple[datetime, Entry]] = {}
        unsettled: dict[str, tuple[str, ...]] = {}
        for row in self._rows(table):
            part, at = row["part"], self._settled_at(row)
            if at is None:
                unsettled[part] = (*unsettled.get(part, ()), row["job"])
            elif part not in settled or settled[part][0] <= at:
                settled[part] = (at, _entry(row))
        oldest_first = sorted(settled.items(), key=lambda item: item[1][0])
        return Standing({part: entry for part, (_, entry) in oldest_first}, unsettled)

    def _rows(self, table: str) -> "list[bigquery.Row]":
        """The last outcomes of each partition, and the loads begun after them."""
        from google.cloud import bigquery

        rows = list(
            self.connection.query(
                f"SELECT {', '.join(_COLUMNS)} FROM {self._sql} WHERE table_name = @table "  # noqa: S608
                "QUALIFY ROW_NUMBER() OVER (PARTITION BY part, state ORDER BY written_at DESC) <= 3 "
                "ORDER BY written_at",
                [bigquery.ScalarQueryParameter("table", "STRING", table)],
            )
        )
        concluded = {row["part"]: row["written_at"] for row in rows if row["state"] == _DONE}
        return [row for row in rows if row["state"] == _DONE or _is_open(row, concluded.get(row["part"]))]

    def _settled_at(self, row: "bigquery.Row") -> datetime | None:
        """When the row's load became visible; None if it did not."""
        if row["state"] == _DONE:
            at: datetime = row["written_at"]
            return at
        job = self.connection.succeeded(row["job"])
        return None if job is None else job.ended

    @property
    def _sql(self) -> str:
        return self.connection.place.sql(LEDGER)


def _is_open(row: "bigquery.Row", concluded: datetime | None) -> bool:
    return row["state"] == _LOADING and (concluded is None or row["written_at"] > concluded)


def _entry(row: "bigquery.Row") -> Entry:
    arrow = pa.ipc.read_schema(pa.BufferReader(base64.b64decode(row["arrow_schema"])))
    return Entry(row["job"], json.loads(row["facts"]), arrow)
