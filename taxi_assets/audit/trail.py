"""Reading the audit trail: for a terminal, and for the UI."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Literal

from psycopg import sql
from psycopg.rows import class_row
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from taxi_assets.audit.table import TABLE
from taxi_assets.targets import markdown
from taxi_assets.targets.postgres.connection import Connection
from taxi_assets.tlc.services import month_key

NEWEST = 20
"""Entries that are shown where nobody asks for a month."""


@dataclass(frozen=True)
class Load:
    """An entry, as far as it is shown; the columns are those of the table."""

    service: str
    trip_month: date
    target: str
    rows_standing: int | None
    rows_replaced: int | None
    rows_quarantined: int | None
    source_url: str | None
    etag: str | None
    last_modified: datetime | None
    sha256: str | None
    launched_by: str
    run_id: str
    started: datetime | None
    finished: datetime | None
    recorded: datetime

    @property
    def when(self) -> str:
        """When it was done, in UTC; with ``?`` when it had only begun as far as anybody saw."""
        moment = self.finished or self.started or self.recorded
        return f"{moment:%Y-%m-%d %H:%M:%S}{'' if self.finished else ' ?'}"

    @property
    def digest(self) -> str:
        """The beginning of the published file's sha256, by which one file is told from another."""
        return (self.sha256 or "-")[:8]

    @property
    def file(self) -> str:
        """The published file, with what the source calls its version."""
        parts = (self.source_url, self.etag, self.last_modified and f"{self.last_modified:%Y-%m-%d %H:%M}")
        return ", ".join(part for part in parts if part) or "-"


def newest(
    connection: Connection, schema: str, service: str | None = None, month: date | None = None
) -> list[Load]:
    """Entries, newest first: all of a month, or the last twenty."""
    wanted = {"service": service, "trip_month": month}
    asked = {name: value for name, value in wanted.items() if value is not None}
    conditions = [sql.SQL("{} = %s").format(sql.Identifier(name)) for name in asked]
    query = sql.SQL(
        "SELECT {} FROM {} WHERE {} ORDER BY coalesce(finished, started) DESC, recorded DESC LIMIT {}"
    ).format(
        sql.SQL(", ").join(sql.Identifier(field.name) for field in fields(Load)),
        sql.Identifier(schema, TABLE),
        sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true"),
        sql.Literal(None if month else NEWEST),
    )
    with connection.cursor(row_factory=class_row(Load)) as cursor:
        return cursor.execute(query, list(asked.values())).fetchall()


def count(connection: Connection, schema: str) -> int:
    """How many entries there are."""
    query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, TABLE))
    found = connection.execute(query).fetchone()
    return int(str(found[0])) if found else 0


_HEADINGS = ("done (UTC)", "service", "month", "target", "rows", "replaced", "rejected", "file", "run", "by")
_NUMBERS = ("rows", "replaced", "rejected")


def print_trail(loads: Sequence[Load], console: Console) -> None:
    """Print entries as a table, and below it the published files that it names."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for heading in _HEADINGS:
        justify: Literal["left", "right"] = "right" if heading in _NUMBERS else "left"
        table.add_column(heading, justify=justify, no_wrap=heading != "by", overflow="fold")
    for load in loads:
        table.add_row(*_cells(load))
    console.print(table)
    console.print()
    for digest, file in files_of(loads).items():
        console.print(f"{digest}  {file}", markup=False, highlight=False, soft_wrap=True)


def for_the_ui(loads: Sequence[Load]) -> str:
    """Entries and their files as two tables for the UI."""
    entries = markdown.table(_HEADINGS, map(_cells, loads), _NUMBERS)
    return f"{entries}\n\n{markdown.table(('file', 'published'), files_of(loads).items())}"


def files_of(loads: Sequence[Load]) -> dict[str, str]:
    """The published files behind entries, by their digests."""
    return {load.digest: load.file for load in loads}


def _cells(load: Load) -> list[str]:
    numbers = (load.rows_standing, load.rows_replaced, load.rows_quarantined)
    return [
        load.when,
        load.service,
        month_key(load.trip_month),
        load.target,
        *("-" if number is None else f"{number:,}" for number in numbers),
        load.digest,
        load.run_id[:8],
        load.launched_by,
    ]
