"""One installation per module, with its embedded server, as a person has it after ``make dev``.

The tests of a module take turns on it, so they belong into one process: ``--dist loadfile``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from taxi_assets.targets.embedded_postgres import EmbeddedPostgres
from taxi_assets_tests.assets.graph import Graph
from taxi_assets_tests.daemon.published import PublishedMonths
from taxi_assets_tests.servers.cdn import serve_cdn
from taxi_assets_tests.servers.dagster_dev import DagsterDev, dagster_dev


@pytest.fixture(scope="module")
def tlc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PublishedMonths]:
    """The TLC's CDN, with nothing published yet."""
    with serve_cdn() as cdn:
        yield PublishedMonths(cdn, tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def settings(tlc: PublishedMonths) -> dict[str, str]:
    """Variables of the module's installation; a module adds its own."""
    return {"TAXI_SOURCE_URL": tlc.cdn.trip_data}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, settings: dict[str, str]) -> Iterator[DagsterDev]:
    """The running product."""
    home = tmp_path_factory.mktemp("system") / "home"
    with dagster_dev(home, settings) as running:
        yield running


@pytest.fixture(scope="module")
def stores(system: DagsterDev) -> Iterator[Graph]:
    """A look into its stores, past it."""
    with stores_of(system.home) as found:
        yield found


@contextmanager
def stores_of(home: Path) -> Iterator[Graph]:
    """The stores under a home; the embedded server is up as long as the block lasts."""
    server = EmbeddedPostgres(home / "postgres")
    graph = Graph(home, server.start())
    try:
        with graph.instance:
            yield graph
    finally:
        server.stop()
