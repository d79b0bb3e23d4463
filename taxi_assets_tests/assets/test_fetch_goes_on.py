"""A published file whose download broke off is gone on with: by the step's retry, and by the next process."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import materialize

from taxi_assets.assets.published_source import PublishedSource
from taxi_assets.assets.raw import raw_asset
from taxi_assets.settings import Settings
from taxi_assets.targets.file_io_manager import FileIOManager
from taxi_assets.targets.files import FileStore
from taxi_assets.tlc.services import SERVICES
from taxi_assets.tlc.source import Patience, Source
from taxi_assets_tests.assets.graph import publish
from taxi_assets_tests.servers.cdn import Cdn, serve_cdn
from taxi_assets_tests.servers.faults import cut, slow, unavailable

REPOSITORY = Path(__file__).parents[2]
NAME = "green_tripdata_2024-01.parquet"
PATH = f"trip-data/{NAME}"
TRIES = 2  # requests of one fetch
STEPS = 4  # tries of one step


class Hurried(PublishedSource):
    """The source of the product, with less patience."""

    def open(self, patience: Patience | None = None) -> Source:
        """See ``PublishedSource``."""
        return super().open(Patience(attempts=TRIES, first_wait=0.005, longest_wait=0.01))


def run(lake: str, source_url: str) -> bool:
    """Materialize the month of raw; whether that succeeded."""
    settings = Settings.from_environment({"TAXI_HOME": f"{lake}-home", "TAXI_RETRY_SECONDS": "0"})
    source = Hurried(url=source_url)
    result = materialize(
        [raw_asset(SERVICES["green"], settings)],
        resources={"raw_io": FileIOManager(files=FileStore(url=lake)), "source": source, "landing": source},
        partition_key="2024-01",
        raise_on_error=False,
    )
    return result.success


def run_apart(lake: Path, cdn: Cdn) -> "subprocess.Popen[bytes]":
    """``run`` in a new process, which ends with 0 if it succeeded."""
    script = f"import sys; from {__name__} import run; sys.exit(not run(*sys.argv[1:]))"
    command = [sys.executable, "-c", script, str(lake), cdn.trip_data]
    return subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    directory = publish(tmp_path_factory.mktemp("published") / "months", "green", "2024-01", rows=20_000)
    return (directory / NAME).read_bytes()


@pytest.fixture
def cdn(content: bytes) -> Iterator[Cdn]:
    with serve_cdn() as server:
        server.publish(PATH, content)
        yield server


def stands_whole(lake: Path, content: bytes) -> bool:
    """The month is there byte for byte, and nothing of its way in."""
    (kept,) = (path for path in lake.rglob(f"{NAME}*"))
    return kept.parent.name == "trip_month=2024-01-01" and kept.read_bytes() == content


def test_a_steps_retry_asks_only_for_the_rest(cdn: Cdn, content: bytes, tmp_path: Path) -> None:
    cdn.script(PATH, cut(100_000), *unavailable(times=TRIES - 1))
    assert run(str(tmp_path / "lake"), cdn.trip_data)
    assert [request.status for request in cdn.downloads()] == [200, 503, 206]
    assert cdn.downloads()[-1].headers["range"] == "bytes=99999-"
    assert stands_whole(tmp_path / "lake", content)


def test_a_new_process_asks_only_for_what_a_failed_run_has_not_got(
    cdn: Cdn, content: bytes, tmp_path: Path
) -> None:
    cdn.script(PATH, cut(100_000), *unavailable(times=TRIES * STEPS - 1))
    with run_apart(tmp_path / "lake", cdn) as first:
        assert first.wait(timeout=120) == 1
    cdn.forget_requests()
    with run_apart(tmp_path / "lake", cdn) as second:
        assert second.wait(timeout=120) == 0
    (request,) = cdn.downloads()
    assert (request.status, request.headers["range"]) == (206, "bytes=99999-")
    assert stands_whole(tmp_path / "lake", content)


def test_a_new_process_asks_only_for_what_a_killed_one_has_not_got(
    cdn: Cdn, content: bytes, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    cdn.script(PATH, slow(20_000, pause=0.2))
    with run_apart(lake, cdn) as first:
        deadline = time.monotonic() + 120
        while not any(part.stat().st_size for part in lake.rglob("*.part")) and time.monotonic() < deadline:
            time.sleep(0.01)
        first.kill()
    (part,) = lake.rglob("*.part")
    left = part.stat().st_size
    assert 0 < left < len(content)
    cdn.forget_requests()
    with run_apart(lake, cdn) as second:
        assert second.wait(timeout=120) == 0
    (request,) = cdn.downloads()
    assert (request.status, request.headers["range"]) == (206, f"bytes={left - 1}-")
    assert stands_whole(lake, content)


def test_a_month_that_was_published_anew_meanwhile_is_fetched_whole(cdn: Cdn, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    cdn.script(PATH, cut(100_000), *unavailable(times=TRIES * STEPS - 1))
    assert not run(str(lake), cdn.trip_data)
    anew = publish(tmp_path / "anew", "green", "2024-01", rows=20_000, seed=2)
    cdn.publish(PATH, (anew / NAME).read_bytes())
    assert run(str(lake), cdn.trip_data)
    assert stands_whole(lake, (anew / NAME).read_bytes())
