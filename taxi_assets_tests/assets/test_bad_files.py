"""Files that are not what they say: the run fails once, names file and remedy, and nothing is lost."""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dagster import DagsterEventType

from taxi_assets.tlc.services import SERVICES, parse_month
from taxi_assets.tlc.synthetic import write_month
from taxi_assets_tests.assets.graph import TARGETS, Graph, failures, publish, trips
from taxi_assets_tests.servers.cdn import Cdn, serve_cdn
from taxi_assets_tests.servers.faults import unavailable

MONTH = "2024-01"
NAME = "green_tripdata_2024-01.parquet"
GREEN, YELLOW = SERVICES["green"], SERVICES["yellow"]


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _csv(path: Path) -> None:
    path.write_text("VendorID,lpep_pickup_datetime\n2,2024-01-01 00:00:00\n", encoding="utf-8")


def _page(path: Path) -> None:
    path.write_text("<html><body>403 Forbidden</body></html>", encoding="utf-8")


def _yellow(path: Path) -> None:
    write_month(path, YELLOW, parse_month(MONTH), 500)


def _february(path: Path) -> None:
    write_month(path, GREEN, parse_month("2024-02"), 500)


def _unknown_column(path: Path) -> None:
    table = pq.read_table(path)
    pq.write_table(table.append_column("surprise", pa.array([1] * len(table))), path)


def _missing_column(path: Path) -> None:
    pq.write_table(pq.read_table(path).drop_columns(["fare_amount"]), path)


def _flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    middle = len(content) // 3
    content[middle : middle + 400] = random.Random(1).randbytes(400)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_cut, "cut off"),
        (_empty, "found an empty file"),
        (_csv, "expected a Parquet file, found one that begins with"),
        (_page, "found an HTML or XML page"),
        (_yellow, "of yellow, not of green"),
        (_february, "this is the file of another month; nothing was stored"),
        (_unknown_column, "add to taxi_assets/tlc/schema.py"),
        (_missing_column, "column 'fare_amount' is missing"),
        (_flipped, "fetch it again"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_bad_file_fails_once_and_says_which_and_what_to_do(
    graph: Graph, tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    source = publish(tmp_path / "published", "green", MONTH)
    graph.source_url = str(source)
    assert graph.run("green", MONTH).success
    before = graph.targets("green", MONTH)
    spoil(source / NAME)
    result = graph.run("green", MONTH)
    (text,) = failures(result)
    assert NAME in text
    assert said in text
    assert graph.targets("green", MONTH) == before
    assert dict.fromkeys(TARGETS, graph.lake_rows("cleaned", "green", MONTH)) == before


def test_the_real_truncated_download_is_refused(graph: Graph, real_data: Path) -> None:
    graph.source_url = str(real_data / "corrupt")
    (text,) = failures(graph.run("yellow", MONTH))
    assert "yellow_tripdata_2024-01.parquet" in text
    assert "cut off" in text
    assert graph.recorded(trips("raw", "yellow")) == []


@pytest.fixture
def rotten(graph: Graph) -> Graph:
    """A graph in whose lake the kept raw file has changed by a byte, as disks do it: without a new time."""
    assert graph.run("green", MONTH).success
    path = graph.raw_file("green", MONTH)
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    return graph


@pytest.mark.parametrize("rules", ["default", "course"])
def test_a_byte_that_flipped_in_the_lake_is_found_before_it_becomes_a_trip(rotten: Graph, rules: str) -> None:
    before = rotten.targets("green", MONTH)
    config = {"ops": {"clean_green_trips": {"config": {"rule_set": rules}}}}
    (text,) = failures(rotten.run("green", MONTH, config=config))
    assert str(rotten.raw_file("green", MONTH)) in text
    assert "is not the file that was fetched" in text
    assert "materialize raw/green_trips 2024-01 with pass_over_current: false" in text
    assert rotten.targets("green", MONTH) == before


def test_what_the_message_says_mends_the_file_that_rotted(rotten: Graph) -> None:
    regardless = {"resources": {"raw_io": {"config": {"pass_over_current": False}}}}
    assert rotten.run("green", MONTH, config=regardless).success


def test_a_raw_file_that_somebody_wrote_over_is_fetched_again(graph: Graph) -> None:
    assert graph.run("green", MONTH).success
    path = graph.raw_file("green", MONTH)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"X")
    (text,) = failures(graph.run("green", MONTH, only=["cleaned", "quarantined"], config=_COURSE))
    assert "is not the file that was fetched" in text
    assert graph.run("green", MONTH).success
    assert path.read_bytes() == content


_COURSE = {"ops": {"clean_green_trips": {"config": {"rule_set": "course"}}}}


@pytest.fixture
def cdn() -> Iterator[Cdn]:
    with serve_cdn() as server:
        yield server


def test_a_month_that_is_not_published_fails_once_and_says_when_it_is_expected(
    graph: Graph, cdn: Cdn
) -> None:
    graph.source_url = cdn.trip_data
    (text,) = failures(graph.run("green", MONTH))
    assert f"{cdn.trip_data}/{NAME}: not published" in text
    assert f"by {GREEN.expected_by(parse_month(MONTH))}" in text
    assert len(cdn.downloads()) == 1


def test_a_storm_of_503_is_waited_out_by_the_download_and_then_by_the_step(
    graph: Graph, cdn: Cdn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The jitter of the step's retry draws from 0 to 10 s; drawing 0 saves the test the wait.
    monkeypatch.setattr("dagster._core.definitions.policy.random", lambda: 0.0)
    content = (publish(tmp_path / "published", "green", MONTH) / NAME).read_bytes()
    cdn.publish(f"trip-data/{NAME}", content)
    cdn.script(f"trip-data/{NAME}", *unavailable(times=9, retry_after="0"))
    graph.source_url = cdn.trip_data
    result = graph.run("green", MONTH)
    assert result.success
    retried = [
        event.step_key
        for event in result.all_events
        if event.event_type == DagsterEventType.STEP_UP_FOR_RETRY
    ]
    assert retried == ["raw__green_trips"]
    assert [request.status for request in cdn.downloads()] == [503] * 9 + [200]
    assert graph.raw_file("green", MONTH).read_bytes() == content


def test_a_stage_without_its_input_says_what_to_materialize_first(graph: Graph) -> None:
    (text,) = failures(graph.run("green", MONTH, only=["cleaned", "quarantined"]))
    assert "raw/green_trips has no file for 2024-01" in text
    (text,) = failures(graph.run("green", MONTH, only=["postgres"]))
    assert "cleaned/green_trips has no partition 2024-01" in text
