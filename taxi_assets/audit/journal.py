"""The journal of the trips' assets: entries become rows of the trail, in the Postgres target's database."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import sql

from taxi_assets.audit.table import BY_DEFAULT, COLUMNS, TABLE, ensure_table, grants
from taxi_assets.setting_values import TARGET_NAMES
from taxi_assets.targets.embedded_postgres import EmbeddedServerError
from taxi_assets.targets.journal import Entry, Journal, JournalAway, Pages
from taxi_assets.targets.postgres import PostgresTarget
from taxi_assets.targets.postgres.connection import Connection
from taxi_assets.targets.target import TargetError
from taxi_assets.tlc.services import SERVICES

Result = TypeVar("Result")

_STAGES = ("raw", "cleaned", "quarantined", *TARGET_NAMES)

_WRITTEN = tuple(column.name for column in COLUMNS if column.name not in BY_DEFAULT)


class PostgresJournal(Journal):
    """Enters each replace of a service's month.

    Attributes:
        postgres: The target in whose database the trail is.
        schema_name: Postgres schema of the trail; made if the role may.
    """

    postgres: PostgresTarget
    schema_name: str = "taxi_audit"

    def covers(self, asset_key: Sequence[str]) -> bool:
        """Every table of a service's trips, ``<stage>/<service>_trips``; what is counted of them is none."""
        return len(asset_key) == 2 and asset_key[0] in _STAGES and _service(asset_key) in SERVICES

    @contextmanager
    def opened(self) -> Iterator[Pages]:
        """One connection, kept until all months of an output are done."""
        pages = _PostgresPages(self.connect, self.schema_name)
        try:
            with away(self.schema_name):
                pages.turn()
            yield pages
        finally:
            pages.close()

    def connect(self) -> Connection:
        """A connection to the database of the trail, which is made if it is not there."""
        connection = self.postgres.connect()
        try:
            ensure_table(connection, self.schema_name)
        except BaseException:
            connection.close()
            raise
        return connection

    def lives_in(self, store: object) -> bool:
        """Whether ``store`` is the target of this database."""
        if not isinstance(store, PostgresTarget):
            return False
        return (store.url, store.home) == (self.postgres.url, self.postgres.home)


class _PostgresPages:
    """An open trail. A load may take an hour, so its connection may have died since the last entry."""

    def __init__(self, connect: Callable[[], Connection], schema: str) -> None:
        self._connect = connect
        self._schema = schema
        self._connection: Connection | None = None

    def turn(self) -> Connection:
        """The connection, made anew if it is gone."""
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def knows(self, load_id: str) -> bool:
        query = sql.SQL("SELECT FROM {} WHERE load_id = %s").format(self._table)
        with away(self._schema):
            return bool(self._steadily(lambda connection: connection.execute(query, [load_id]).fetchall()))

    def unknown(self, load_ids: Collection[str]) -> set[str]:
        query = sql.SQL("SELECT load_id::text FROM {} WHERE load_id = ANY(%s::uuid[])").format(self._table)
        with away(self._schema):
            wanted = [list(load_ids)]
            found = self._steadily(lambda connection: connection.execute(query, wanted).fetchall())
        return set(load_ids) - {str(load_id) for (load_id,) in found}

    def write(self, entry: Entry, within: Any = None) -> None:
        if within is not None:
            self._insert(within, entry)
            return
        # Once more does no harm: an entry of a known number is not written.
        with away(self._schema):
            self._steadily(lambda connection: self._insert(connection, entry))

    @property
    def _table(self) -> sql.Identifier:
        return sql.Identifier(self._schema, TABLE)

    def _steadily(self, do: Callable[[Connection], Result]) -> Result:
        """Do it on the connection, or on a new one if that has died."""
        try:
            return do(self.turn())
        except psycopg.OperationalError:
            self.close()
            return do(self.turn())

    def _insert(self, connection: Connection, entry: Entry) -> None:
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(
            self._table,
            sql.SQL(", ").join(map(sql.Identifier, _WRITTEN)),
            sql.SQL(", ").join(map(sql.Placeholder, _WRITTEN)),
        )
        try:
            connection.execute(statement, values(entry))
        except (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError) as error:
            raise TargetError(
                f"the audit trail {self._schema}.{TABLE} refuses the entry of "
                f"{'/'.join(entry.asset_key)} {entry.partition}: {error}. The loading role needs: "
                f"{grants(connection, self._schema)}"
            ) from error


@contextmanager
def away(schema: str) -> Iterator[None]:
    """Whatever keeps the trail from being written, as the one thing that stores elsewhere can live with."""
    try:
        yield
    except (psycopg.Error, EmbeddedServerError, TargetError) as error:
        raise JournalAway(f"The audit trail {schema}.{TABLE} can't be written: {error}.") from error


def values(entry: Entry) -> dict[str, object]:
    """A row of the trail, by column."""
    target, facts = entry.asset_key[0], entry.facts
    raw = entry.rows if target == "raw" else _number(facts, "raw_rows")
    quarantined = _number(facts, "quarantined_rows")
    told: dict[str, object] = {
        column.name: facts.get(column.fact) or None for column in COLUMNS if column.fact
    }
    return {
        **told,
        "load_id": facts["load_id"],
        "service": _service(entry.asset_key),
        "trip_month": entry.partition,
        "target": target,
        "version": facts.get("version") or facts.get("sha256"),  # a file's version is its content
        "rows_raw": raw,
        "rows_cleaned": None if raw is None or quarantined is None else raw - quarantined,
        "rows_quarantined": quarantined,
        "rows_standing": entry.rows,
        "rows_replaced": entry.replaced_rows,
        "finished": entry.finished,
        "launched_by": entry.launched_by,
    }


def _service(asset_key: Sequence[str]) -> str:
    return asset_key[-1].removesuffix("_trips")


def _number(facts: Mapping[str, str], name: str) -> int | None:
    return int(facts[name]) if name in facts else None
