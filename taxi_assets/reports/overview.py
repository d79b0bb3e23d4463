"""The page of all months: what is here, what is missing, how it went on, and the way to each month's page."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby

from taxi_assets.reports import places
from taxi_assets.reports.archive import Archive
from taxi_assets.reports.evidence import Evidence, Numbers, Verdict
from taxi_assets.reports.figures import NOT_COUNTED, NOT_PUBLISHED, UNKNOWN
from taxi_assets.reports.judgement import State, attention, state_of
from taxi_assets.reports.page import page
from taxi_assets.reports.pictures import Picture, picture
from taxi_assets.reports.trend import trips_a_month
from taxi_assets.tlc.measures import MEASURES
from taxi_assets.tlc.services import SERVICES, Service, month_key, next_month
from taxi_assets.words import counted, in_words, moment, share_in_words

_SIGNS: Mapping[State, str] = {
    "holds": "●",
    "held back": "‖",
    "differs": "!",
    "missing": "·",
    "not published": "",
}
_SAID = 12  # lines of what needs a look; the months' own pages say the rest
_ONE_BY_ONE = 3  # months that are named before they are counted


@dataclass(frozen=True)
class Standing:
    """A service over all its months.

    Attributes:
        service: Which.
        states: Of every month from the first published one to the newest that is here or should be.
        numbers: Of every month that is here.
        troubles: What needs a look, by month.
    """

    service: Service
    states: Mapping[date, State]
    numbers: Mapping[date, Numbers]
    troubles: Mapping[date, tuple[str, ...]]


@dataclass(frozen=True)
class Overview:
    """What the page shows; its ``repr`` is the same as long as nothing changed.

    Attributes:
        today: Months that should be published are those of this day.
        services: All four.
        reports: Months that have a page.
        comparison: What the newest comparison of all stores with Dagster's records found, if there was one.
        compared: When that was.
    """

    today: date
    services: tuple[Standing, ...]
    reports: tuple[date, ...]
    comparison: Verdict | None
    compared: str = field(default="")


@dataclass(frozen=True)
class Cell:
    """A month in the matrix."""

    state: State
    sign: str
    href: str


@dataclass(frozen=True)
class Year:
    """A line of the matrix: a year month by month, or years of which nothing is here, in words."""

    name: str
    cells: Sequence[Cell]
    words: str = ""


def look_over(
    archive: Archive, reports: AbstractSet[date], today: date, comparison: Verdict | None
) -> Overview:
    """Judge every month of every service."""
    standing = tuple(_standing(archive, service, today) for service in SERVICES.values())
    compared = moment(comparison.at) if comparison else ""
    return Overview(today, standing, tuple(sorted(reports)), comparison, compared)


def overview_page(found: Overview, secrets: AbstractSet[str], made: datetime) -> str:
    """The whole page."""
    return page(
        "overview.html.j2",
        secrets,
        title="New York taxi trips, all months",
        summary=summary(found),
        attention=_attention(found),
        services=[_service(one, frozenset(found.reports), found.today) for one in found.services],
        made=moment(made.timestamp()),
    )


def summary(found: Overview) -> str:
    """All of it in two sentences."""
    known = [numbers for one in found.services for numbers in one.numbers.values()]
    if not known:
        return "No month of any service is here yet."
    paid = sum(one.revenue for one in known if one.revenue is not None)
    money = f", for which passengers paid {in_words(paid, 'USD')}" if paid else ""
    trips = sum(one.trips for one in known)
    told = f"{counted(len(known), 'month')} of {trips:,} trips{money}."
    if found.comparison is None:
        return f"{told} The stores have not been compared with Dagster's records yet."
    return f"{told} All stores were compared with Dagster's records at {found.compared}."


def _standing(archive: Archive, service: Service, today: date) -> Standing:
    held = archive.held("cleaned", service)
    last = max([service.newest_expected(today), *held])
    states: dict[date, State] = {}
    troubles: dict[date, tuple[str, ...]] = {}
    month = service.first_month
    while month <= last:
        # A month that is not here costs no question.
        evidence = archive.of(service, month, history=False) if month in held else Evidence(service, month)
        states[month] = state_of(evidence)
        if found := tuple(attention(evidence)):
            troubles[month] = found
        month = next_month(month)
    numbers = {one: known for one in sorted(held) if (known := archive.numbers(service, one))}
    return Standing(service, states, numbers, troubles)


def _attention(found: Overview) -> list[str]:
    comparison = found.comparison
    lines = (
        [] if comparison is None or comparison.passed else [f"Comparison of all stores: {comparison.words}"]
    )
    for one in found.services:
        name = one.service.title
        lines += [
            f"{name} {month_key(month)}: {words}" for month, told in one.troubles.items() for words in told
        ]
    for one in found.services:
        if gaps := _gaps(one):
            shown = ", ".join(map(month_key, gaps[:_ONE_BY_ONE]))
            more = f" and {len(gaps) - _ONE_BY_ONE} more" if len(gaps) > _ONE_BY_ONE else ""
            lines.append(f"{one.service.title}: missing between months that are here: {shown}{more}")
    rest = len(lines) - _SAID
    return [*lines[:_SAID], *([f"and {rest} more, in the months' own reports"] if rest > 0 else [])]


def _gaps(one: Standing) -> list[date]:
    """Months that are missing between others; before the first and after the last nobody may want them."""
    if not one.numbers:
        return []
    first, last = min(one.numbers), max(one.numbers)
    return [month for month, state in one.states.items() if first < month < last and state == "missing"]


def _service(one: Standing, reports: AbstractSet[date], today: date) -> Mapping[str, object]:
    service, numbers = one.service, one.numbers.values()
    trips, rejected = sum(known.trips for known in numbers), sum(known.rejected for known in numbers)
    return {
        "name": service.name,
        "title": service.title,
        "months": len(one.numbers),
        "trips": in_words(trips, ""),
        "revenue": _revenue(one),
        "rejected": share_in_words(rejected, trips + rejected) if one.numbers else UNKNOWN,
        "newest": month_key(max(one.numbers)) if one.numbers else "none",
        "expected": month_key(service.newest_expected(today)),
        "picture": _trend(one),
        "years": _years(one, reports),
    }


def _revenue(one: Standing) -> str:
    if not MEASURES[one.service.name].revenue:
        return NOT_PUBLISHED
    known = [numbers.revenue for numbers in one.numbers.values() if numbers.revenue is not None]
    if not known:
        return NOT_COUNTED if one.numbers else UNKNOWN
    uncounted = len(one.numbers) - len(known)
    return in_words(sum(known), "USD") + (f", {uncounted} months {NOT_COUNTED}" if uncounted else "")


def _trend(one: Standing) -> Picture | None:
    if not one.numbers:
        return None
    return picture(trips_a_month(one.service, {month: known.trips for month, known in one.numbers.items()}))


def _years(one: Standing, reports: AbstractSet[date]) -> list[Year]:
    first, last = min(one.states).year, max(one.states).year
    here = {month.year for month in one.numbers}
    lines = []
    for empty, group in groupby(range(last, first - 1, -1), lambda year: year not in here):
        years = list(group)
        if empty:
            lines.append(_nothing(one, years))
            continue
        lines += [
            Year(str(year), [_cell(one, date(year, month, 1), reports) for month in range(1, 13)])
            for year in years
        ]
    return lines


def _nothing(one: Standing, years: Sequence[int]) -> Year:
    """Years without a month, in one line: most people load a few of the seventeen."""
    missing = sum(month.year in years and state == "missing" for month, state in one.states.items())
    name = str(years[0]) if len(years) == 1 else f"{years[0]} to {years[-1]}"
    return Year(name, (), f"nothing here, {counted(missing, 'month')} published")


def _cell(one: Standing, month: date, reports: AbstractSet[date]) -> Cell:
    state = one.states.get(month, "not published")
    href = places.from_overview(month) if month in reports and month in one.numbers else ""
    return Cell(state, _SIGNS[state], href)
