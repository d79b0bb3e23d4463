"""The four services of the TLC trip records: what is published, since when, and how late.

A month is a ``datetime.date`` on its first day; its key, in file names and as a Dagster partition
key, is ``2024-01``.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

ServiceName = Literal["yellow", "green", "fhv", "fhvhv"]


@dataclass(frozen=True)
class Service:
    """One of the four record types that the TLC publishes.

    Attributes:
        name: The TLC's own name, the first word of its file names.
        title: What people call it.
        first_month: First month that exists as Parquet.
        earliest_lag: Fewest days seen between a month's end and its publication.
        usual_lag: Days after a month's end by which it is nearly always published.
        longest_lag: Most days seen between a month's end and its publication.
        heavy: Whether its largest months hold over ten million rows (up to 23.9 million of fhv).
        months_per_run: How many months one run of a backfill takes, so that it lasts some ten minutes at
            most (the largest years of fhv: half an hour): a start costs 4 s, a run that dies repeats no more
            than the month at hand.
    """

    name: ServiceName
    title: str
    first_month: date
    earliest_lag: timedelta
    usual_lag: timedelta
    longest_lag: timedelta
    months_per_run: int
    heavy: bool = True

    def file_name(self, month: date, suffix: str = ".parquet") -> str:
        """Name of the published file, ``green_tripdata_2024-01.parquet``."""
        return f"{self.name}_tripdata_{month_key(month)}{suffix}"

    def expected_by(self, month: date) -> date:
        """Day by which ``month`` should have been published, going by the usual lag."""
        return next_month(month) + self.usual_lag

    def newest_expected(self, today: date) -> date:
        """The newest month that should have been published by ``today``, going by the usual lag."""
        month = today.replace(day=1)
        while self.expected_by(month) > today:
            month = previous_month(month)
        return month


# Earliest lag: on 2026-10-02 the files of 2026-08 stood for all but fhv, 32 days after the month's
# end; fhv was one month behind. Usual lag: 48 to 106 days are seen, the four mostly on one day.
_EARLIEST, _USUAL, _LONGEST = timedelta(days=30), timedelta(days=75), timedelta(days=106)

SERVICES: dict[ServiceName, Service] = {
    service.name: service
    for service in (
        Service("yellow", "Yellow taxi", date(2009, 1, 1), _EARLIEST, _USUAL, _LONGEST, 6),
        Service("green", "Green (boro) taxi", date(2014, 1, 1), _EARLIEST, _USUAL, _LONGEST, 24, heavy=False),
        Service("fhv", "For-hire vehicle", date(2015, 1, 1), timedelta(days=60), _USUAL, _LONGEST, 12),
        Service("fhvhv", "High-volume for-hire vehicle", date(2019, 2, 1), _EARLIEST, _USUAL, _LONGEST, 2),
    )
}


def month_key(month: date) -> str:
    """``date(2024, 1, 1)`` as ``2024-01``."""
    return f"{month.year:04d}-{month.month:02d}"


def parse_month(key: str) -> date:
    """``2024-01`` (or ``2024-01-01``) as ``date(2024, 1, 1)``.

    Raises:
        ValueError: The text is not a month.
    """
    return date.fromisoformat(key if len(key) > len("2024-01") else f"{key}-01").replace(day=1)


def next_month(month: date) -> date:
    """First day of the month after ``month``."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def previous_month(month: date) -> date:
    """First day of the month before ``month``."""
    return (month.replace(day=1) - timedelta(days=1)).replace(day=1)


def months_before(month: date, count: int) -> list[date]:
    """So many months before ``month``, the oldest first."""
    found = [month]
    for _ in range(count):
        found.insert(0, previous_month(found[0]))
    return found[:-1]


def days_of(month: date) -> list[date]:
    """Every day of a month."""
    return [month + timedelta(days=number) for number in range((next_month(month) - month).days)]
