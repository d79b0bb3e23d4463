"""What sensors ask for, run for real: from the file that was found to rows in every store."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from dagster import DagsterEventType, ExecuteInProcessResult, RunRequest

from taxi_assets.automation.landing import landing_sensor
from taxi_assets.automation.publication import publication_sensor
from taxi_assets.settings import Settings
from taxi_assets.targets.files import FileStore
from taxi_assets.targets.target import Facts
from taxi_assets.tlc.services import parse_month
from taxi_assets_tests.assets.graph import Graph, failures, materializations, publish, shown
from taxi_assets_tests.automation.conftest import path_of
from taxi_assets_tests.automation.daemon import GREEN, Clock, Daemon
from taxi_assets_tests.servers.cdn import Cdn

MONTH = "2024-04"
NAME = f"green_tripdata_{MONTH}.parquet"


@dataclass
class LandingGraph(Graph):
    """The graph where people may put files into a directory."""

    landing: Path = Path("/nowhere")

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(
            {
                "TAXI_HOME": str(self.home),
                "TAXI_POSTGRES_URL": self.postgres_url,
                "TAXI_SOURCE_URL": self.source_url,
                "TAXI_LANDING_URL": str(self.landing),
                "TAXI_RETRY_SECONDS": "0",
            }
        )


@pytest.fixture
def graph(tmp_path: Path, postgres_url: str, cdn: Cdn) -> Iterator[LandingGraph]:
    landing = tmp_path / "landing"
    landing.mkdir()
    made = LandingGraph(tmp_path / "home", postgres_url, cdn.trip_data, landing=landing)
    with made.instance:
        yield made


@pytest.fixture
def lander(graph: LandingGraph) -> Daemon:
    """The daemon of the landing sensor, by the machine's clock."""
    url = str(graph.landing)
    return Daemon(
        lambda: landing_sensor(graph.settings), graph.source_url, graph.home, url, instance=graph.instance
    )


@pytest.fixture
def watcher(graph: LandingGraph, clock: Clock) -> Daemon:
    """The daemon of the publication sensor over the same lake."""
    return Daemon(
        lambda: publication_sensor(GREEN, graph.settings, clock=clock),
        graph.source_url,
        graph.home,
        instance=graph.instance,
    )


def execute(graph: Graph, request: RunRequest) -> ExecuteInProcessResult:
    """Run what was asked for, as the daemon would, in this process."""
    job = graph.definitions.resolve_job_def(request.job_name or "green_trips")
    return job.execute_in_process(
        instance=graph.instance,
        run_config=dict(request.run_config),
        partition_key=request.partition_key,
        raise_on_error=False,
    )


def asked(daemon: Daemon) -> RunRequest:
    """The one run that is asked for within two ticks."""
    (request,) = [request for _ in range(2) for request in daemon.tick().requests]
    return request


def held(graph: Graph) -> Facts:
    """Facts of the month's raw file."""
    return FileStore(url=str(graph.home / "lake")).facts("raw/green_trips", parse_month(MONTH)) or {}


def land(graph: LandingGraph, seed: int, age: float = 60) -> Path:
    """A synthetic month, written some seconds ago."""
    path = publish(graph.landing, "green", MONTH, seed=seed) / NAME
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def test_a_month_that_is_published_reaches_every_store_and_again_when_published_anew(
    graph: LandingGraph, watcher: Daemon, cdn: Cdn, tmp_path: Path
) -> None:
    for seed in (1, 2):
        content = (publish(tmp_path / str(seed), "green", MONTH, seed=seed) / NAME).read_bytes()
        cdn.publish(path_of(MONTH), content)
        assert execute(graph, asked(watcher)).success
        assert graph.raw_file("green", MONTH).read_bytes() == content
        rows = graph.lake_rows("cleaned", "green", MONTH)
        assert rows
        assert all(stored == rows for stored in graph.targets("green", MONTH).values())
    assert held(graph)["origin"] == "source"
    assert watcher.tick().requests == []


def test_a_file_that_a_person_puts_there_becomes_the_month_in_every_store(
    graph: LandingGraph, lander: Daemon, watcher: Daemon, cdn: Cdn
) -> None:
    path = land(graph, seed=3)
    result = execute(graph, asked(lander))
    assert result.success
    assert graph.raw_file("green", MONTH).read_bytes() == path.read_bytes()
    rows = graph.lake_rows("cleaned", "green", MONTH)
    assert all(stored == rows for stored in graph.targets("green", MONTH).values())
    assert path.exists()
    assert shown(materializations(result, "raw")[MONTH])["origin"] == "landing"
    cdn.publish(path_of(MONTH), path.read_bytes())
    assert [watcher.tick().requests for _ in range(2)] == [[], []]


def test_a_file_that_is_no_parquet_fails_its_run_in_words_until_it_is_written_over(
    graph: LandingGraph, lander: Daemon
) -> None:
    path = land(graph, seed=3)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    os.utime(path, (time.time() - 60, time.time() - 60))
    (text,) = failures(execute(graph, asked(lander)))
    assert str(path) in text
    assert "cut off" in text
    assert "TAXI_SOURCE_URL" not in text
    assert [lander.tick().requests for _ in range(3)] == [[]] * 3
    path.write_bytes(whole)
    os.utime(path, (time.time() - 50, time.time() - 50))
    assert execute(graph, asked(lander)).success
    assert graph.raw_file("green", MONTH).read_bytes() == whole


def test_a_file_that_is_written_to_again_before_its_run_is_waited_for(
    graph: LandingGraph, lander: Daemon
) -> None:
    path = land(graph, seed=3)
    request = asked(lander)
    os.utime(path)
    result = execute(graph, request)
    assert not result.success
    texts = [
        str(event.step_retry_data.error)
        for event in result.all_events
        if event.event_type == DagsterEventType.STEP_UP_FOR_RETRY
    ]
    assert len(texts) == 3
    assert "written to less than 10 s ago" in texts[0]
    assert held(graph) == {}


def test_a_run_from_nowhere_says_which_setting_is_missing(tmp_path: Path, postgres_url: str) -> None:
    made = Graph(tmp_path / "home", postgres_url)
    config = {"ops": {"raw__green_trips": {"config": {"origin": "landing"}}}}
    with made.instance:
        (text,) = failures(made.run("green", MONTH, config=config, only=["raw"]))
    assert "TAXI_LANDING_URL is not set" in text
