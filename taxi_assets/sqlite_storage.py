"""Dagster's history in SQLite, by connections that are kept: a third less work a month than by its own way.

Dagster opens its SQLite files anew for every query and every event: an SQLAlchemy engine, a connection, and
at its end the write-ahead log copied into the file, as nobody else has it open. A month records some fifty
events, each in two or three such connections: 12 small months in one run took 16.7 seconds of a processor
with them and 11.8 without. Daemon and webserver, who look every few seconds, gain as well.

Files, tables and migrations are Dagster's own, in the places where its own storage has them: with or
without this storage in ``dagster.yaml``, the history is the same. Should a later Dagster connect by other
means than those that are replaced here, it does so as it always did, slower.

What Dagster tells at once - a step's end materializes every month of its run - is stored at once
(``DAGSTER_EVENT_BATCH_SIZE``, which is set here unless it is set already, since other storages gain nothing).

A transaction is not flushed to the disk by itself (``synchronous = NORMAL``), which spares a month more than
a hundred flushes, of 0.3 to 10 ms each. SQLite still loses nothing that was committed when a process is
killed, and no file is damaged. When power fails, the last seconds of the history may be gone. What the stores
hold is not, and they keep facts of their own: reconciliation names what stands and the history does not tell.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from dagster import EventLogEntry
from dagster._core.events import ASSET_EVENTS
from dagster._core.storage.event_log import SqlEventLogStorageTable, SqliteEventLogStorage
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import (
    DagsterSqliteStorage,
    _event_logs_directory,
    _runs_directory,
    _schedule_directory,
)
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.event import listen
from sqlalchemy.pool import QueuePool

_AT_ONCE = "200"
"""Events that are stored in one transaction at most: 2 MB, and nobody else writes for a tenth of a second."""

_MOST_FILES = 8
"""Files that stay open at once: every run has one of its own, and a webserver reads hundreds."""


class KeptEngines:
    """The engines of some SQLite files, each with its pool of open connections; those used last are kept."""

    def __init__(self) -> None:
        self._engines: dict[str, Engine] = {}
        self._lock = threading.Lock()

    def engine(self, url: str) -> Engine:
        """The engine of a file, made if it isn't kept."""
        with self._lock:
            engine = self._engines.pop(url, None) or _new_engine(url)
            self._engines[url] = engine
            too_many = list(self._engines)[:-_MOST_FILES]
            let_go = [self._engines.pop(old) for old in too_many]
        for old in let_go:
            old.dispose()
        return engine

    def dispose(self) -> None:
        """Close every connection; a later use opens them again."""
        with self._lock:
            engines, self._engines = self._engines, {}
        for engine in engines.values():
            engine.dispose()


def _new_engine(url: str) -> Engine:
    wait = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
    engine = create_engine(url, poolclass=QueuePool, connect_args=wait)
    listen(engine, "connect", _flush_at_checkpoints)
    return engine


def _flush_at_checkpoints(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")  # Dagster has every file in WAL mode, where it is safe


class EventLogStorage(SqliteEventLogStorage):
    """Events: a file for each run, and one that holds what concerns assets of all runs."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._kept = KeptEngines()
        self._tables: set[str] = set()
        self._has_times = False
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", _AT_ONCE)
        super().__init__(base_dir, inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._kept.engine(self.conn_string_for_shard(shard))
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def has_table(self, table_name: str) -> bool:
        """Whether the file has a table: asked before every event, and no table ever goes."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def _has_asset_key_index_cols_on_connection(self, conn: Connection) -> bool:
        self._has_times = self._has_times or super()._has_asset_key_index_cols_on_connection(conn)
        return self._has_times

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event, and wake who watches the run: the UI's page watches the file, not its log."""
        super().store_event(event)
        os.utime(self.path_for_shard(event.run_id))

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events that one run tells at once; those of assets in one transaction a file."""
        if of_assets := [event for event in events if event.dagster_event_type in ASSET_EVENTS]:
            self._store_asset_events(of_assets)
        for event in events:
            if event.dagster_event_type not in ASSET_EVENTS:
                super().store_event(event)
        os.utime(self.path_for_shard(events[0].run_id))

    def _store_asset_events(self, events: Sequence[EventLogEntry]) -> None:
        """First in the file that all runs share: if that fails, Dagster stores each alone, none twice."""
        rows, insert = [self._event_to_row(event) for event in events], SqlEventLogStorageTable.insert()
        with self.index_connection() as connection:
            ids = [connection.execute(insert, row).lastrowid for row in rows]
            self._store_asset_event_tags(connection, events, ids)
            # An asset's row has room for its latest event of a kind: the last of these.
            latest = {
                (event.dagster_event_type, event.get_dagster_event().asset_key): (event, number)
                for event, number in zip(events, ids, strict=True)
            }
            for event, number in latest.values():
                self._store_asset_event(connection, event, number)
        with self.run_connection(events[0].run_id) as connection:
            connection.execute(insert, rows)

    def wipe(self) -> None:
        """Delete all events."""
        self._kept.dispose()
        super().wipe()

    def dispose(self) -> None:
        """Close what is open."""
        super().dispose()
        self._kept.dispose()


class _OneFile:
    """A storage whose tables are all in one file."""

    _conn_string: str

    @cached_property
    def _kept(self) -> KeptEngines:
        return KeptEngines()

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection in a transaction."""
        with self._kept.engine(self._conn_string).begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Close what is open."""
        self._kept.dispose()


class RunStorage(_OneFile, SqliteRunStorage):
    """Runs, their tags, and backfills."""


class ScheduleStorage(_OneFile, SqliteScheduleStorage):
    """Sensors and schedules: what they are set to, and their ticks."""


class SqliteStorage(DagsterSqliteStorage):
    """The three of them in one directory, as ``dagster.yaml`` names them."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        # not that of the class between, which opens three storages of its own
        super(DagsterSqliteStorage, self).__init__()  # type: ignore[no-untyped-call]
        self.base_dir = base_dir
        self._inst_data = inst_data
        self._run_storage = RunStorage.from_local(_runs_directory(base_dir))
        self._event_log_storage = EventLogStorage(_event_logs_directory(base_dir))
        self._schedule_storage = ScheduleStorage.from_local(_schedule_directory(base_dir))

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "SqliteStorage":
        """The storage that a ``dagster.yaml`` describes."""
        return cls.from_local(inst_data=inst_data, **config_value)
