"""Schedules, for those who want a clock and not the sensors: monthly when a month is usually out, or daily.

Both are stopped by default: a sensor sees a month within half an hour, a late one and one that is published
anew too.

Not ``build_schedule_from_partitioned_job``: it always takes the newest partition, and ours appears 30 days
after a month's end while its file comes 48 to 106 days after it, so most runs would fail.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from dagster import (
    DagsterInstance,
    DefaultScheduleStatus,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    schedule,
)

from taxi_assets.assets.published_source import PublishedSource
from taxi_assets.automation.looking import HASTE, held_files, is_landed, partition_keys
from taxi_assets.automation.priority import priority_tags
from taxi_assets.automation.records import held_back, landed_by_record
from taxi_assets.jobs import trips_job_name
from taxi_assets.targets.files import FileStore
from taxi_assets.targets.target import Facts
from taxi_assets.tlc.services import Service, month_key, parse_month, previous_month
from taxi_assets.tlc.source import BadFile, Source, SourceUnavailable

MOST_MONTHS = 3
"""Months asked for at once after late ones: the longest lag seen is a month longer than the usual one."""

DAILY = "0 5 * * *"
"""Five in the morning, as the data engineering course has it."""


def monthly_cron(service: Service) -> str:
    """Six in the morning of the day of the month by which every month is usually out: the 17th."""
    day = max(service.expected_by(date(2023, month, 1)).day for month in range(1, 13))
    return f"0 6 {day} * *"


def service_schedules(service: Service) -> list[ScheduleDefinition]:
    """The monthly and the daily schedule of a service."""
    return [
        _schedule(
            service,
            f"{service.name}_monthly",
            monthly_cron(service),
            f"Asks for the newest {service.title} month on the day by which it is usually published.",
        ),
        _schedule(
            service,
            f"{service.name}_daily_0500",
            DAILY,
            f"Asks every morning for the newest {service.title} month that should be published.",
        ),
    ]


def _schedule(service: Service, name: str, cron: str, description: str) -> ScheduleDefinition:
    @schedule(
        name=name,
        job_name=trips_job_name(service),
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=DefaultScheduleStatus.STOPPED,
        description=description,
    )
    def ask(
        context: ScheduleEvaluationContext, source: PublishedSource, raw_files: FileStore
    ) -> list[RunRequest] | SkipReason:
        now = context.scheduled_execution_time
        held = held_files(raw_files, service)
        asker = _Asker(service, source.open(HASTE), held, context.instance)
        reasons = {month: asker.reason_against(month) for month in _months(service, now.date(), held)}
        # A month that is current costs a look in every store, and what a failed run left undone is done.
        months = partition_keys(service, now)
        requests = [
            RunRequest(run_key=month, partition_key=month, tags=priority_tags(month, months, held))
            for month, against in reasons.items()
            if not against
        ]
        return requests or SkipReason(" ".join(reason for reason in reasons.values() if reason))

    return ask


def _months(service: Service, today: date, held: Mapping[str, Facts]) -> Iterator[str]:
    """The newest month that should be out, after those before it that came too late for their own tick."""
    newest = service.newest_expected(today)
    months = [newest]
    last = max(held, default=month_key(newest))
    while month_key(previous_month(months[0])) > last and len(months) < MOST_MONTHS:
        months.insert(0, previous_month(months[0]))
    return map(month_key, months)


@dataclass(frozen=True)
class _Asker:
    """Decides whether a month's run is asked for."""

    service: Service
    source: Source
    held: Mapping[str, Facts]
    instance: DagsterInstance

    def reason_against(self, month: str) -> str:
        """Why no run is asked for, or ''."""
        name, known = f"{self.service.name} {month}", self.held.get(month)
        if is_landed(known):
            return f"A person put {name} there; it is left as it is."
        if known is None and month in landed_by_record(self.instance, self.service):
            return f"A person put {name} there and the lake lost it: left to heal."
        try:
            state = self.source.look(self.service, parse_month(month), known).state
        except (SourceUnavailable, BadFile):
            # The run has more patience than this look, and says in words what is wrong: a schedule that
            # skipped an outage would come back a month later.
            return ""
        if state == "unpublished":
            expected = self.service.expected_by(parse_month(month))
            return f"{name} is late: not published, though expected by {expected}."
        # Until then the same rows would be held back again, every morning.
        if state == "unchanged" and (unlike := held_back(self.instance, self.service, month)):
            return f"{name} waits until a person lets it through: {unlike}."
        return ""
