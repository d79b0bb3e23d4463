"""Dagster's history in SQLite files, as Dagster keeps it, with what it makes anew for each statement kept.

Dagster's SQLite storage makes an SQLAlchemy engine for every statement, and throws it away: each time the
dialect is set up and the statement compiled, for an event that takes half a millisecond to write. A run over
24 months records a thousand events. Here an engine is kept for each file. It still opens the file for each
transaction and closes it afterwards, so other processes and deleted runs see nothing different.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from dagster import DagsterInstance
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import NullPool

ENGINES_KEPT = 32
"""Each run has a file of its own; the UI's server looks at many in a day, at few at a time."""


@lru_cache(ENGINES_KEPT)
def _engine(address: str) -> Engine:
    """The engine of a file. Without a pool: an open connection would outlive a deleted run's file."""
    return create_engine(address, poolclass=NullPool, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS})


class EventLog(SqliteEventLogStorage):
    """Events: a file for each run, and one with those of assets."""

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        """See ``SqliteEventLogStorage``; a file is set up once, by whoever comes first."""
        with self._db_lock:
            engine = _engine(self.conn_string_for_shard(shard))
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection


class Runs(SqliteRunStorage):
    """Runs, and what the daemon remembers of them."""

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """See ``SqliteRunStorage``."""
        with _engine(self._conn_string).begin() as connection:
            yield connection


class History(DagsterSqliteStorage):
    """All of it, in the directories where Dagster's own storage looks too."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self.base_dir = base_dir
        self._run_storage = Runs.from_local(f"{base_dir}/history/")
        self._event_log_storage = EventLog(f"{base_dir}/history/runs/")
        self._schedule_storage = SqliteScheduleStorage.from_local(f"{base_dir}/schedules")
        self._inst_data = inst_data
        # Past DagsterSqliteStorage, which would open and examine the same files once more.
        super(DagsterSqliteStorage, self).__init__()  # type: ignore[no-untyped-call]

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> "History":
        """See ``ConfigurableClass``; Dagster's answers with a class of its own, whoever is asked."""
        return cls.from_local(inst_data=inst_data, **config_value)


class LocalInstance(DagsterInstance):
    """Dagster's instance with this history, unless ``dagster.yaml`` names another one.

    A class of storage named there would have to be told the directory, in each home another one; an instance
    class is told.
    """

    @classmethod
    def config_schema(cls) -> Mapping[str, Any]:
        """Nothing beside what every instance can be told."""
        return {}

    @classmethod
    def config_defaults(cls, base_dir: str) -> Mapping[str, ConfigurableClassData | None]:
        """Dagster's own, but for the storage."""
        storage = ConfigurableClassData(__name__, History.__name__, f"base_dir: {json.dumps(base_dir)}")
        return {**InstanceRef.config_defaults(base_dir), "storage": storage}
