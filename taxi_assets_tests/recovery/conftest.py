"""Graphs over stores of their own, with small months."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from taxi_assets_tests.assets.graph import Graph
from taxi_assets_tests.servers.postgres import PostgresServer

SMALL = "synthetic?rows=300&seed=1"
MONTHS = ("2023-01", "2023-02")


@pytest.fixture
def graph(tmp_path: Path, postgres_url: str) -> Iterator[Graph]:
    """All four services on synthetic months of 300 rows, over an empty database and directories."""
    made = Graph(tmp_path / "home", postgres_url, SMALL)
    with made.instance:
        yield made


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> Iterator[Graph]:
    """Two months of green in every store, loaded by one run; each test leaves them as it found them."""
    url = postgres_server.create_database()
    made = Graph(tmp_path_factory.mktemp("loaded") / "home", url, SMALL)
    with made.instance:
        assert made.run("green", *MONTHS).success
        yield made
    postgres_server.drop_database(url)
