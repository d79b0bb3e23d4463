"""A graph, a webhook, and the sensor between them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from taxi_assets_tests.alerts.receiver import Receiver, serve_receiver
from taxi_assets_tests.alerts.watcher import Watcher
from taxi_assets_tests.assets.conftest import graph, no_proxy
from taxi_assets_tests.assets.graph import Graph, publish

__all__ = ["graph", "no_proxy"]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause before a step's retry is a random share of some seconds: none saves the tests the wait."""
    monkeypatch.setattr("dagster._core.definitions.policy.random", lambda: 0.0)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with serve_receiver() as made:
        yield made


@pytest.fixture
def source(graph: Graph, tmp_path: Path) -> Path:
    """The publisher's directory: January to March of green."""
    made = publish(tmp_path / "published", "green", "2024-01", "2024-02", "2024-03", rows=300)
    graph.source_url = str(made)
    return made


@pytest.fixture
def watcher(graph: Graph, source: Path, receiver: Receiver) -> Watcher:
    """The sensor, after its first tick."""
    graph.summed = True
    made = Watcher(graph.definitions, graph.instance, graph.settings, receiver.url)
    made.tick()
    return made
