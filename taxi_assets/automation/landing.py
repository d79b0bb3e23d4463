"""The landing sensor: files that people put into a directory or a bucket become their month's raw file.

A file counts by its name, as the TLC names it, and right in the directory only. It is left where it is: what
was taken is known by name and version, so that a file written over is taken again.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dagster import (
    DefaultSensorStatus,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    sensor,
)

from taxi_assets.assets.common import trips_key
from taxi_assets.assets.published_source import PublishedSource, is_settled, saying_landing
from taxi_assets.automation.cursor import LandingCursor, read_cursor, write_cursor
from taxi_assets.automation.looking import HASTE, partition_keys, runs_asked_for, utc_now
from taxi_assets.automation.priority import AHEAD_OF_ALL
from taxi_assets.jobs import trips_job, trips_job_name
from taxi_assets.settings import Settings
from taxi_assets.targets.target import Facts
from taxi_assets.tlc.services import SERVICES, ServiceName, month_key
from taxi_assets.tlc.source import BadFile, Named, SourceUnavailable, open_shelf, parse_file_name
from taxi_assets.tlc.source.names import SUFFIXES

USUAL_INTERVAL = 60
"""Seconds between two ticks: somebody who put a file there looks for it."""

MOST_REQUESTS = 50
"""Runs asked for in a tick; the rest of a large drop waits for the next ones."""

MOST_STRANGE = 500
"""Names that are reported and remembered: a directory full of something else must not fill the cursor."""

HIDDEN = (".", "_")
UNFINISHED = (".part", ".tmp", ".partial", ".crdownload", ".filepart")
"""How tools call what they have not finished; other names than a month's are reported."""


@dataclass(frozen=True)
class Landed:
    """A file that may become a month."""

    name: str
    what: Named
    facts: Facts

    @property
    def version(self) -> str:
        """Size and time of a file, generation of an object."""
        return self.facts["etag"]

    @property
    def run_key(self) -> str:
        """What Dagster knows the run for this version by."""
        return f"landing/{self.name}/{self.version}"

    def request(self, run_key: str) -> RunRequest:
        """A run that takes the month from here; ahead of backfills, as a person waits for it."""
        op = "__".join(trips_key("raw", SERVICES[self.what.service]).path)
        return RunRequest(
            run_key=run_key,
            job_name=trips_job_name(SERVICES[self.what.service]),
            partition_key=month_key(self.what.month),
            run_config={"ops": {op: {"config": {"origin": "landing"}}}},
            tags=AHEAD_OF_ALL,
        )


def landing_sensor(settings: Settings, *, clock: Callable[[], datetime] = utc_now) -> SensorDefinition:
    """The sensor over ``TAXI_LANDING_URL``.

    Args:
        settings: Where people put files, and the interval.
        clock: The time of a tick.
    """

    @sensor(
        name="landing",
        jobs=[trips_job(service) for service in SERVICES.values()],
        minimum_interval_seconds=settings.interval(USUAL_INTERVAL),
        default_status=DefaultSensorStatus.RUNNING,
        description=f"Asks for a run when somebody puts a month's file into {settings.landing_url}.",
    )
    def land(context: SensorEvaluationContext, landing: PublishedSource) -> SensorResult:
        cursor = read_cursor(LandingCursor, context.cursor)
        now = clock()
        try:
            with saying_landing():
                files = open_shelf(landing.url, patience=HASTE).files()
        except (SourceUnavailable, BadFile) as error:
            words = _troubled(cursor, now, error, context.log)
            return SensorResult(skip_reason=words, cursor=write_cursor(cursor))
        if cursor.down_since:
            context.log.info(f"{settings.landing_url} can be read again")
            cursor.down_since = None
        ready = _ready(_sorted_out(files, cursor, now, context.log), cursor, now)
        requests = []
        for file in ready[:MOST_REQUESTS]:
            key = file.run_key
            if file.name in cursor.taken and runs_asked_for(context.instance, key):
                key += f"/{now:%Y-%m-%dT%H:%M}"  # an older file was put back: Dagster would drop its key
            requests.append(file.request(key))
            cursor.taken[file.name] = file.version
        return SensorResult(
            run_requests=requests,
            skip_reason=None if requests else _words(files, cursor, settings.landing_url),
            cursor=write_cursor(cursor),
        )

    return land


def _troubled(cursor: LandingCursor, now: datetime, error: Exception, log: logging.Logger) -> str:
    if cursor.down_since is None:
        cursor.down_since = now
        log.warning(str(error))
    return f"Nothing can be read since {cursor.down_since:%Y-%m-%d %H:%M} UTC: {error}"


def _sorted_out(
    files: Mapping[str, Facts], cursor: LandingCursor, now: datetime, log: logging.Logger
) -> list[Landed]:
    """The files that are months; what is none is said once, and forgotten when it goes."""
    months = {name: set(partition_keys(service, now)) for name, service in SERVICES.items()}
    found, strange = [], {}
    for name, facts in sorted(files.items()):
        if name.startswith(HIDDEN) or name.endswith(UNFINISHED):
            continue
        what = parse_file_name(name)
        if reason := _reason_against(name, what, months, files):
            strange[_printable(name)] = reason
        elif what:
            found.append(Landed(name, what, facts))
    _report(strange, cursor, log)
    gone = [name for name in cursor.taken if name not in files][-MOST_STRANGE:]
    here = {name: version for name, version in cursor.taken.items() if name in files}
    cursor.taken = dict.fromkeys(gone, GONE) | here
    return found


def _printable(name: str) -> str:
    """A file's name as text: on a disk it may be any bytes, which a cursor can't hold."""
    return name.encode("utf-8", "backslashreplace").decode()


def _report(strange: Mapping[str, str], cursor: LandingCursor, log: logging.Logger) -> None:
    """Say which names were passed over, and of very many only how many more there are; each once."""
    known = [name for name in cursor.strange if name in strange]
    news = [name for name in strange if name not in known]
    if len(news) <= cursor.unnamed:  # no more than were counted before, if no fewer
        cursor.strange, cursor.unnamed = known, len(news)
        return
    named = news[: max(0, MOST_STRANGE - len(known))]
    cursor.strange, cursor.unnamed = known + named, len(news) - len(named)
    told = [f"{name} ({strange[name]})" for name in named]
    told += [f"{cursor.unnamed} more"] if cursor.unnamed else []
    log.warning(
        f"passed over: {', '.join(told)}. A month's file is named like green_tripdata_2024-01.parquet."
    )


def _reason_against(
    name: str, what: Named | None, months: Mapping[ServiceName, set[str]], files: Mapping[str, Facts]
) -> str:
    if what is None:
        return "no month's name"
    if month_key(what.month) not in months[what.service]:
        return f"{what.service} has no such month"
    # A run finds a month's file by its name alone, in this order.
    stem = name.removesuffix(what.suffix)
    first = next(stem + suffix for suffix in SUFFIXES if stem + suffix in files)
    return "" if first == name else f"{first} counts"


def _ready(found: Sequence[Landed], cursor: LandingCursor, now: datetime) -> list[Landed]:
    """Files to take: new or written over, and whole."""
    new = [file for file in found if cursor.taken.get(file.name) != file.version]
    ready = [
        file
        for file in new
        # Tools that keep a file's old time while they copy are caught by the second look, slow ones by the
        # file's age. An object in a bucket is whole when it appears.
        if file.facts["url"].startswith("gs://")
        or (cursor.seen.get(file.name) == file.version and is_settled(file.facts, now))
    ]
    cursor.seen = {file.name: file.version for file in new}
    return ready


def _words(files: Mapping[str, Facts], cursor: LandingCursor, url: str) -> str:
    if cursor.seen:
        return f"Waiting until nobody writes to {', '.join(sorted(cursor.seen))} any more."
    taken = len(cursor.taken.keys() & files.keys())
    return f"Nothing new in {url}; {taken} of the {len(files)} files there were taken."


GONE = "gone"
"""In the cursor, the version of a file that was taken and went: if it comes back, it is taken again."""
