"""A graph over empty stores, small months."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from taxi_assets_tests.assets.graph import Graph

SMALL = "synthetic?rows=300&seed=1"


@pytest.fixture
def graph(tmp_path: Path, postgres_url: str) -> Iterator[Graph]:
    """All four services on synthetic months of 300 rows, over an empty database and directories."""
    made = Graph(tmp_path / "home", postgres_url, SMALL)
    with made.instance:
        yield made
