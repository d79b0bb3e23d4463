"""A graph over empty stores, whose trail is read in SQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from taxi_assets_tests.assets.graph import Graph


@pytest.fixture
def graph(tmp_path: Path, postgres_url: str) -> Iterator[Graph]:
    """All four services on synthetic months, over an empty database and directories of the test's."""
    made = Graph(tmp_path / "home", postgres_url)
    with made.instance:
        yield made


@pytest.fixture(scope="session", autouse=True)
def no_proxy() -> Iterator[None]:
    """The loopback is asked directly, whatever proxy the environment names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setenv("no_proxy", "127.0.0.1")
        yield
