"""The targets that the suite runs over, and the one list of what some of them can't do.

A new target is one entry in ``TARGETS``: a function from the servers and a fresh directory to a target
whose store is empty. Servers start when the first test asks for them.
"""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from taxi_assets.targets.bigquery import BigQueryTarget
from taxi_assets.targets.duckdb import DuckDBTarget
from taxi_assets.targets.embedded_postgres import EmbeddedPostgres
from taxi_assets.targets.objects import ObjectStore, open_objects
from taxi_assets.targets.parquet import ParquetTarget
from taxi_assets.targets.postgres.target import PostgresTarget
from taxi_assets.targets.target import Target
from taxi_assets_tests.contract.from_objects import DuckDBFromObjects, ParquetFromObjects
from taxi_assets_tests.contract.page import FeatherTarget
from taxi_assets_tests.servers.bigquery import EmulatorUnavailable, bigquery_emulator
from taxi_assets_tests.servers.gcs import GcsServer, fake_gcs

BUCKET = "contract"
DAY = "pickup_datetime"

_NO_SERVER = "a store of files: there is no server to lose"

CANNOT: list[tuple[str, str, str]] = [
    ("bigquery", "full disk", "the service has no disk that fills up, and its emulator works in memory"),
    ("postgres", "SELECT", "nothing asks it: it would be one more method, see targets/selecting.py"),
    *(
        (name, "SELECT", "a store of files has no SQL of its own")
        for name in (
            *("parquet", "parquet-by-day", "parquet-gs", "parquet-gs-by-day", "feather-of-the-docs"),
            *("parquet-from-objects", "parquet-gs-from-objects"),
        )
    ),
    *(
        (name, "server", _NO_SERVER)
        for name in (
            *("parquet", "parquet-by-day", "duckdb", "feather-of-the-docs"),
            *("parquet-from-objects", "duckdb-from-objects"),
        )
    ),
]
"""(target, capability, why): a test that needs the capability is skipped with the reason."""


class Servers:
    """Real servers, started when first asked for."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self._directory, self._stack = directory, stack
        self._gcs: GcsServer | None = None
        self._postgres: str | None = None
        self._bigquery: str | None = None

    def gcs(self) -> str:
        """Name of a bucket; the environment points to its server."""
        if self._gcs is None:
            self._gcs = self._stack.enter_context(fake_gcs(self._directory / "gcs"))
            self._stack.enter_context(environment("STORAGE_EMULATOR_HOST", self._gcs.endpoint))
            self._gcs.create_bucket(BUCKET)
        return BUCKET

    def postgres(self) -> str:
        """URL of a database."""
        if self._postgres is None:
            server = EmbeddedPostgres(self._directory / "postgres")
            self._postgres = server.start()
            self._stack.callback(server.stop)
        return self._postgres

    def bigquery(self) -> str:
        """Name of a project; the environment points to its emulator."""
        if self._bigquery is None:
            try:
                emulator = self._stack.enter_context(bigquery_emulator())
            except EmulatorUnavailable as reason:
                pytest.skip(str(reason))
            self._stack.enter_context(environment("BIGQUERY_EMULATOR_HOST", emulator.endpoint))
            self._bigquery = "contract"
        return self._bigquery


def _parquet(servers: Servers, directory: Path) -> Target:
    return ParquetTarget(url=str(directory / "lake"))


def _parquet_by_day(servers: Servers, directory: Path) -> Target:
    return ParquetTarget(url=(directory / "lake").as_uri(), partition_by_day=DAY)


def _parquet_gs(servers: Servers, directory: Path) -> Target:
    return ParquetTarget(url=f"gs://{servers.gcs()}/{uuid.uuid4().hex}/lake")


def _parquet_gs_by_day(servers: Servers, directory: Path) -> Target:
    return ParquetTarget(url=f"gs://{servers.gcs()}/{uuid.uuid4().hex}", partition_by_day=DAY)


def _duckdb(servers: Servers, directory: Path) -> Target:
    return DuckDBTarget(url=f"duckdb:///{directory / 'warehouse.duckdb'}")


def _postgres(servers: Servers, directory: Path) -> Target:
    return PostgresTarget(url=servers.postgres(), schema_name=f"contract_{uuid.uuid4().hex[:12]}")


def _bigquery(servers: Servers, directory: Path) -> Target:
    return BigQueryTarget(url=f"bigquery://{servers.bigquery()}/d_{uuid.uuid4().hex}?location=US")


def _of_the_page(servers: Servers, directory: Path) -> Target:
    made: Target = FeatherTarget(url=str(directory / "feather"))
    return made


def _parquet_from_objects(servers: Servers, directory: Path) -> Target:
    return ParquetFromObjects(url=str(directory / "lake"), source=_beside(directory))


def _parquet_gs_from_objects(servers: Servers, directory: Path) -> Target:
    prefix = f"gs://{servers.gcs()}/{uuid.uuid4().hex}"
    return ParquetFromObjects(url=f"{prefix}/lake", source=f"{prefix}/source")


def _duckdb_from_objects(servers: Servers, directory: Path) -> Target:
    return DuckDBFromObjects(url=f"duckdb:///{directory / 'warehouse.duckdb'}", source=_beside(directory))


def _beside(directory: Path) -> str:
    """Where the rows lie that are offered: elsewhere, so that only the target's disk is full."""
    return str(directory.with_name(f"{directory.name} source [of *]"))


TARGETS: dict[str, Callable[[Servers, Path], Target]] = {
    "parquet": _parquet,
    "parquet-by-day": _parquet_by_day,
    "parquet-gs": _parquet_gs,
    "parquet-gs-by-day": _parquet_gs_by_day,
    "duckdb": _duckdb,
    "postgres": _postgres,
    "bigquery": _bigquery,
    "feather-of-the-docs": _of_the_page,
    "parquet-from-objects": _parquet_from_objects,
    "parquet-gs-from-objects": _parquet_gs_from_objects,
    "duckdb-from-objects": _duckdb_from_objects,
}

SECOND_WAYS = frozenset({"parquet-from-objects", "parquet-gs-from-objects", "duckdb-from-objects"})
"""Targets that are there already, filled in another way: ``test_second_way.py`` has the fast tests of it."""


def left_over(target: Target, table: str) -> list[str]:
    """What stands in the store and belongs to no partition of ``table``: remains of writers that died."""
    if isinstance(target, ParquetTarget):
        return _unnamed_objects(target, table)
    if isinstance(target, FeatherTarget):
        return _scratch_files(open_objects(target.url))
    if isinstance(target, PostgresTarget):
        found = target.query(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = %s AND c.relname LIKE '%%loading%%' AND c.relkind IN ('r', 'p')",
            [target.schema_name],
        )
        return [str(name) for (name,) in found]
    return []


def _unnamed_objects(target: ParquetTarget, table: str) -> list[str]:
    objects = open_objects(target.url)
    layout = target.layout(table)
    named = {key for snapshot in layout.snapshots().values() for key in snapshot.keys}
    unnamed = [info.key for info in objects.list("") if info.key not in named]
    return unnamed + _scratch_files(objects)


def _scratch_files(objects: ObjectStore) -> list[str]:
    scratch = objects.scratch().parent
    mine = objects.scratch()
    return [str(path) for path in scratch.rglob("*") if path.is_file() and path.suffix != ".lock"] + [
        str(path) for path in scratch.iterdir() if path.is_dir() and path != mine
    ]


@contextmanager
def environment(name: str, value: str) -> Iterator[None]:
    """The variable set for the length of the block."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
