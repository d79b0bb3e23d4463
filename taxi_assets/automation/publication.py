"""The publication sensors, one a service: a month that is published, or published anew, gets a run.

A tick asks a few HEADs at most and downloads nothing; what it finds, it asks for once. The rules of a tick
are in ``watch.py``, what it remembers in ``cursor.py``.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from time import monotonic

from dagster import (
    DefaultSensorStatus,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    sensor,
)

from taxi_assets.alerts import Alerts
from taxi_assets.assets.published_source import PublishedSource
from taxi_assets.automation.cursor import PublicationCursor, read_cursor, write_cursor
from taxi_assets.automation.looking import (
    HASTE,
    LakeUnavailable,
    held_files,
    partition_keys,
    require_lake,
    runs_asked_for,
    utc_now,
)
from taxi_assets.automation.records import landed_by_record
from taxi_assets.automation.trouble import TOLD_AFTER, Troubles
from taxi_assets.automation.watch import ASK_AGAIN_AFTER, Watch
from taxi_assets.jobs import trips_job_name
from taxi_assets.setting_secrets import masked, secrets_of
from taxi_assets.settings import Settings
from taxi_assets.targets.files import FileStore
from taxi_assets.tlc.services import Service

USUAL_INTERVAL = 1800
"""Seconds between two ticks: the TLC publishes once a month, people look in the morning."""


def publication_sensor(
    service: Service,
    settings: Settings,
    *,
    clock: Callable[[], datetime] = utc_now,
    ask_again_after: timedelta = ASK_AGAIN_AFTER,
    told_after: timedelta = TOLD_AFTER,
) -> SensorDefinition:
    """The sensor that keeps a service's months as they are published.

    Args:
        service: Whose months.
        settings: Source, first month and interval.
        clock: The time of a tick.
        ask_again_after: See ``watch.py``.
        told_after: See ``trouble.py``.
    """
    remote = settings.source_url.startswith(("https://", "http://"))

    @sensor(
        name=f"{service.name}_publication",
        job_name=trips_job_name(service),
        minimum_interval_seconds=settings.interval(USUAL_INTERVAL),
        # A directory, a bucket or made-up months are loaded when somebody says so.
        default_status=DefaultSensorStatus.RUNNING if remote else DefaultSensorStatus.STOPPED,
        description=f"Asks for a run when the TLC publishes a {service.title} month, or publishes it anew.",
    )
    def publication(
        context: SensorEvaluationContext, source: PublishedSource, raw_files: FileStore, alerts: Alerts
    ) -> SensorResult:
        began = monotonic()
        cursor = read_cursor(PublicationCursor, context.cursor)
        now = clock()
        troubles = Troubles(service.name, cursor, now, context.log, told_after, settings.ui_url)

        def look() -> tuple[list[RunRequest], str]:
            try:
                held = held_files(raw_files, service)
                if not held:
                    require_lake(raw_files, context.instance, service)
            except LakeUnavailable as error:
                return [], troubles.found("lake", masked(str(error), secrets_of(settings)))
            troubles.ended("lake")
            watch = Watch(
                service=service,
                source=source.open(HASTE),
                held=held,
                months=partition_keys(service, now),
                watch_from=settings.watch_from,
                cursor=cursor,
                now=now,
                runs=lambda key: runs_asked_for(context.instance, key),
                landed=cache(lambda: landed_by_record(context.instance, service)),
                troubles=troubles,
                log=context.log,
                ask_again_after=ask_again_after,
            )
            words = watch.tick()
            return watch.requests, words

        requests, words = look()
        cursor.outbox.deliver(alerts.channels(), context.log, began)
        # Requests and cursor go together: if the tick dies before they are kept, the next one finds the same,
        # and Dagster drops the run keys that it has seen.
        return SensorResult(
            run_requests=requests,
            skip_reason=None if requests else words,
            cursor=write_cursor(cursor),
        )

    return publication
