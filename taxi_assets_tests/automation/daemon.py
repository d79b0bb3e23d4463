"""What Dagster's daemon does with a sensor, in process: ticks it, keeps its cursor, drops known run keys.

The runs are real ones of the instance's history; what they do is either the job itself, in process, or for
the tests of many months only its first step: the published file through the real source into the real lake.
"""

import logging
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from uuid import uuid4

from dagster import (
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    RepositoryDefinition,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    build_sensor_context,
)

from taxi_assets.alerts import Alerts
from taxi_assets.assets.published_source import PublishedSource
from taxi_assets.code_location import build_definitions
from taxi_assets.settings import Settings
from taxi_assets.targets.files import FileStore
from taxi_assets.targets.target import Facts
from taxi_assets.tlc.services import SERVICES, Service, month_key, parse_month
from taxi_assets.tlc.source import Patience, SourceError

GREEN = SERVICES["green"]
RUN_KEY = "dagster/run_key"

BRISK = Patience(attempts=2, first_wait=0.001, longest_wait=0.002, longest_retry_after=0.002, read=2.0)
"""Outages of milliseconds: the tests here are full of them."""


class Clock:
    """A time that moves when it is told to."""

    def __init__(self, start: datetime) -> None:
        self.now = start

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@cache
def repository(landing_url: str = "") -> RepositoryDefinition:
    """A code location for the jobs and partitions that requests are checked against; 1 s, so only once."""
    environment = {"TAXI_HOME": "/nowhere", "TAXI_SOURCE_URL": "synthetic", "TAXI_LANDING_URL": landing_url}
    return build_definitions(Settings.from_environment(environment)).get_repository_def()


@dataclass(frozen=True)
class Tick:
    """What a tick came to: what was asked for, of it what became a run, and what was said."""

    requests: Sequence[RunRequest]
    started: Sequence[DagsterRun]
    skipped: str
    warnings: Sequence[str]
    infos: Sequence[str]

    @property
    def months(self) -> list[str]:
        return [str(request.partition_key) for request in self.requests]


@dataclass
class Daemon:
    """One sensor under a daemon, over a source and a lake.

    Attributes:
        build: Makes the sensor, at every tick anew as after a restart.
        cursor: As kept from the last tick.
        queue: Runs that are to come.
        ticks: All so far.
        fetched: Month and ETag of every file that came whole from the source.
        kept: Those that the lake got.
        failed: Months of failed runs.
    """

    build: Callable[[], SensorDefinition]
    source_url: str
    home: Path
    landing_url: str = ""
    alert_urls: str = ""
    service: Service = GREEN
    instance: DagsterInstance = field(default_factory=DagsterInstance.ephemeral)
    cursor: str | None = None
    queue: deque[DagsterRun] = field(default_factory=deque)
    ticks: list[Tick] = field(default_factory=list)
    fetched: list[tuple[str, str]] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def lake(self) -> FileStore:
        return FileStore(url=str(self.home / "lake"))

    def tick(self, *, dies_after: int | None = None) -> Tick:
        """Evaluate the sensor anew, as after a restart.

        Args:
            dies_after: The daemon dies when it has made so many of the runs, before it keeps the cursor.
        """
        sensor = self.build()
        said: list[logging.LogRecord] = []
        with build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            repository_def=repository(self.landing_url),
            sensor_name=sensor.name,
            resources={
                "source": PublishedSource(url=self.source_url),
                "landing": PublishedSource(url=self.landing_url),
                "raw_files": self.lake,
                "alerts": Alerts(urls=self.alert_urls),
            },
        ) as context:
            context.log.handlers = [_Keep(said)]
            data = sensor.evaluate_tick(context)
        requests = data.run_requests or []
        started = [run for request in requests[:dies_after] if (run := self._start(sensor, request))]
        if dies_after is None:
            self.cursor = data.cursor
        by_level = {
            level: [record.getMessage() for record in said if record.levelno == level]
            for level in (logging.INFO, logging.WARNING)
        }
        assert not [record for record in said if record.levelno > logging.WARNING]
        made = Tick(
            requests, started, data.skip_message or "", by_level[logging.WARNING], by_level[logging.INFO]
        )
        self.ticks.append(made)
        return made

    def _start(self, sensor: SensorDefinition, request: RunRequest) -> DagsterRun | None:
        """A queued run, or None where the run key was seen, whatever became of that run."""
        tags = {**request.tags, RUN_KEY: str(request.run_key), "dagster/sensor_name": sensor.name}
        if self.instance.get_runs(RunsFilter(tags={RUN_KEY: str(request.run_key)})):
            return None
        run = DagsterRun(
            job_name=request.job_name or sensor.job_name or "",
            run_id=str(uuid4()),
            tags=tags,
            run_config=request.run_config,
            status=DagsterRunStatus.STARTING,  # queued ones need a code location to come from
        )
        self.queue.append(self.instance.add_run(run))
        return run

    def run(self, *, dies: bool = False) -> str:
        """Take the oldest run off the queue and fetch its month into the lake; the month.

        Args:
            dies: The run's process dies when the file is there, before the lake has it.
        """
        run = self.queue.popleft()
        month = run.tags["dagster/partition"]
        try:
            self.fetch(month, keep=not dies)
        except SourceError:
            dies = True
        if dies:
            self.failed.append(month)
        self._end(run, DagsterEventType.RUN_FAILURE if dies else DagsterEventType.RUN_SUCCESS)
        return month

    def fetch(self, month: str, *, keep: bool = True) -> None:
        """What ``raw`` does, whoever asks for it."""
        name, when = f"raw/{self.service.name}_trips", parse_month(month)
        source = PublishedSource(url=self.source_url).open(BRISK)
        with tempfile.TemporaryDirectory(dir=self.lake.scratch()) as directory:
            fetched = source.fetch(self.service, when, Path(directory), self.lake.facts(name, when))
            if fetched:
                self.fetched.append((month, fetched.facts["etag"]))
            if fetched and keep:
                self.lake.put(name, when, fetched.path, fetched.facts | {"origin": "source"})
                self.kept.append((month, fetched.facts["etag"]))

    def put(self, month: str, file: Path, **facts: str) -> None:
        """Keep a file as the raw one of a month, as some earlier run did."""
        copy = self.lake.scratch() / file.name
        copy.write_bytes(file.read_bytes())
        self.lake.put(f"raw/{self.service.name}_trips", parse_month(month), copy, facts)

    def held(self) -> dict[str, Facts]:
        """Facts of the raw files in the lake, by month."""
        found = self.lake.partitions(f"raw/{self.service.name}_trips")
        return {month_key(month): facts for month, facts in found.items() if month}

    def _end(self, run: DagsterRun, how: DagsterEventType) -> None:
        event = DagsterEvent(event_type_value=how.value, job_name=run.job_name)
        self.instance.report_dagster_event(event, run_id=run.run_id)


class _Keep(logging.Handler):
    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__()
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record)


NOON = datetime(2024, 6, 10, 12, tzinfo=UTC)
"""When the tests begin: the newest green partition is 2024-04."""
