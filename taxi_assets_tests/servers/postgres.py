"""A real PostgreSQL server for tests: one for all workers of a run, an empty database for each test.

It is the embedded server of the product, which knows how to be shared: the last worker to leave stops
it. ``conftest.py`` brings the fixtures to every test.
"""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import psycopg
import pytest
from filelock import FileLock
from psycopg import sql

from taxi_assets.targets.embedded_postgres import EmbeddedPostgres
from taxi_assets.targets.postgres import PostgresTarget


@dataclass(frozen=True)
class PostgresServer:
    """A running server: the URL of its superuser, and databases on demand."""

    url: str
    _numbers: Iterator[int] = field(default_factory=itertools.count, repr=False)

    def create_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()

    def drop_database(self, url: str) -> None:
        """Drop a database of ``create_database``, with whoever is still connected."""
        name = urlsplit(url).path.removeprefix("/")
        self.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def execute(self, statement: sql.SQL | sql.Composed) -> None:
        """Run a statement as the superuser, outside any transaction."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """The server of this test run; workers of pytest-xdist share it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    server = EmbeddedPostgres(shared / "postgres")
    running = PostgresServer(server.start())
    # Nobody pulls the plug on a test run; DROP DATABASE is 5 times faster for it.
    running.execute(sql.SQL("ALTER SYSTEM SET fsync = off"))
    running.execute(sql.SQL("SELECT pg_reload_conf()"))
    yield running
    with FileLock(server.home / "starter.lock"):  # no other worker starts it meanwhile
        if server.stop():
            shutil.rmtree(server.data)  # 40 MB, and pytest keeps the directories of three runs


@pytest.fixture
def new_postgres_url(postgres_server: PostgresServer) -> Iterator[Callable[[], str]]:
    """A function that makes an empty database and returns its URL; all are dropped after the test."""
    made: list[str] = []

    def make() -> str:
        made.append(postgres_server.create_database())
        return made[-1]

    yield make
    for url in made:
        postgres_server.drop_database(url)


@pytest.fixture
def postgres_url(new_postgres_url: Callable[[], str]) -> str:
    """URL of an empty database, for this test alone."""
    return new_postgres_url()


@pytest.fixture
def postgres_target(postgres_url: str) -> PostgresTarget:
    """A target over an empty database, with one index of each kind."""
    return PostgresTarget(url=postgres_url, brin_columns=["pickup"], btree_columns=["zone"])
