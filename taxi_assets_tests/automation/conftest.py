"""A CDN, a lake, and the publication sensor of green between them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import pytest

from taxi_assets.automation.publication import publication_sensor
from taxi_assets.settings import Settings
from taxi_assets_tests.assets.graph import Graph
from taxi_assets_tests.automation.daemon import BRISK, GREEN, NOON, Clock, Daemon
from taxi_assets_tests.servers.cdn import Cdn, serve_cdn
from taxi_assets_tests.tlc.source.conftest import parquet

Publish: TypeAlias = Callable[..., str]


@pytest.fixture(scope="session", autouse=True)
def no_proxy() -> Iterator[None]:
    """The loopback is asked directly, whatever proxy the environment names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setenv("no_proxy", "127.0.0.1")
        yield


@pytest.fixture(autouse=True)
def haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks that wait milliseconds where they would wait seconds."""
    for module in ("publication", "landing", "schedules"):
        monkeypatch.setattr(f"taxi_assets.automation.{module}.HASTE", BRISK)


@pytest.fixture
def cdn() -> Iterator[Cdn]:
    with serve_cdn() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def make_daemon(cdn: Cdn, clock: Clock, tmp_path: Path) -> Iterator[Callable[..., Daemon]]:
    """Makes daemons over the CDN and one lake; further settings as environment variables."""
    with ExitStack() as stack:

        def make(**environment: str) -> Daemon:
            settings = Settings.from_environment({"TAXI_SOURCE_URL": cdn.trip_data, **environment})
            made = Daemon(lambda: publication_sensor(GREEN, settings, clock=clock), cdn.trip_data, tmp_path)
            stack.enter_context(made.instance)
            return made

        yield make


@pytest.fixture
def daemon(make_daemon: Callable[..., Daemon]) -> Daemon:
    """A daemon where nothing is set but the source."""
    return make_daemon()


@pytest.fixture
def publish(cdn: Cdn) -> Publish:
    """Publishes months of green, with content by a seed; gives the last one's ETag."""

    def publish(*months: str, seed: int = 1) -> str:
        etag = ""
        for number, month in enumerate(months):
            etag = cdn.publish(path_of(month), parquet(seed * 1000 + number, rows=20))
        return etag

    return publish


@pytest.fixture
def graph(tmp_path: Path, postgres_url: str) -> Iterator[Graph]:
    """The whole graph over empty stores."""
    made = Graph(tmp_path / "home", postgres_url)
    with made.instance:
        yield made


def path_of(month: str) -> str:
    """Where the CDN has a month of green."""
    return f"trip-data/green_tripdata_{month}.parquet"
