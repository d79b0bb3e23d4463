"""A CDN, a landing place, a lake, and the sensors of green between them."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import pytest

from taxi_assets.automation.landing import landing_sensor
from taxi_assets.automation.publication import publication_sensor
from taxi_assets.settings import Settings
from taxi_assets.tlc.services import Service, parse_month
from taxi_assets_tests.alerts.receiver import Receiver, serve_receiver
from taxi_assets_tests.assets.graph import Graph
from taxi_assets_tests.automation.daemon import BRISK, GREEN, NOON, Clock, Daemon
from taxi_assets_tests.servers.cdn import Cdn, serve_cdn
from taxi_assets_tests.tlc.source.conftest import parquet

Publish: TypeAlias = Callable[..., str]
Drop: TypeAlias = Callable[..., Path]


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

        def make(service: Service = GREEN, **environment: str) -> Daemon:
            settings = Settings.from_environment({"TAXI_SOURCE_URL": cdn.trip_data, **environment})
            made = Daemon(
                lambda: publication_sensor(service, settings, clock=clock),
                cdn.trip_data,
                tmp_path,
                alert_urls=" ".join(settings.alert_urls),
                service=service,
            )
            stack.enter_context(made.instance)
            return made

        yield make


@pytest.fixture
def daemon(make_daemon: Callable[..., Daemon]) -> Daemon:
    """A daemon where nothing is set but the source."""
    return make_daemon()


@pytest.fixture
def publish(cdn: Cdn) -> Publish:
    """Publishes months, of green by default, with content by a seed; gives the last one's ETag."""

    def publish(*months: str, seed: int = 1, service: Service = GREEN) -> str:
        etag = ""
        for number, month in enumerate(months):
            etag = cdn.publish(path_of(month, service), parquet(seed * 1000 + number, rows=20))
        return etag

    return publish


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    """The directory that people put files into."""
    directory = tmp_path / "landing"
    directory.mkdir()
    return directory


@pytest.fixture
def lander(clock: Clock, landing: Path, tmp_path: Path) -> Iterator[Daemon]:
    made = daemon_over(str(landing), clock, tmp_path)
    with made.instance:
        yield made


@pytest.fixture
def drop(landing: Path, clock: Clock) -> Drop:
    """Writes a file that was last written to so many seconds ago."""

    def write(name: str, content: bytes = b"x", seconds_ago: float = 3600) -> Path:
        path = landing / name
        path.write_bytes(content)
        then = clock.now.timestamp() - seconds_ago
        os.utime(path, (then, then))
        return path

    return write


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Who is told."""
    with serve_receiver() as made:
        yield made


@pytest.fixture
def graph(tmp_path: Path, postgres_url: str) -> Iterator[Graph]:
    """The whole graph over empty stores."""
    made = Graph(tmp_path / "home", postgres_url)
    with made.instance:
        yield made


def path_of(month: str, service: Service = GREEN) -> str:
    """Where the CDN has a month."""
    return f"trip-data/{service.file_name(parse_month(month))}"


def daemon_over(url: str, clock: Clock, home: Path) -> Daemon:
    settings = Settings.from_environment({"TAXI_LANDING_URL": url})
    return Daemon(lambda: landing_sensor(settings, clock=clock), "synthetic", home, landing_url=url)
