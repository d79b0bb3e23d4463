"""Numbers as people read them, and a month's headline numbers beside those of the months to compare with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from taxi_assets.reports.evidence import Evidence, Numbers
from taxi_assets.tlc.measures import MEASURES
from taxi_assets.tlc.services import ServiceName, previous_month
from taxi_assets.words import in_words, month_in_words, share_in_words

NOT_PUBLISHED = "not published"
NOT_COUNTED = "not counted"
UNKNOWN = "-"
PAID = "Passengers paid"

_ROUNDED = 0.0005  # a change that is said to be none


@dataclass(frozen=True)
class Figure:
    """One headline number.

    Attributes:
        name: What it is.
        value: In words, with its unit.
        changes: Against each month to compare with, in words.
    """

    name: str
    value: str
    changes: tuple[str, ...]


@dataclass(frozen=True)
class _Measure:
    name: str
    of: Callable[[Numbers], float | None]
    said: Callable[[float], str]
    published: Callable[[ServiceName], bool] = lambda _: True
    is_share: bool = False


def number(value: int | None) -> str:
    """``59,414``."""
    return UNKNOWN if value is None else f"{value:,}"


def moment(seconds: float | None) -> str:
    """``2024-03-01 04:30``, of UTC."""
    return UNKNOWN if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


def compared(evidence: Evidence) -> list[str]:
    """The months that a month is compared with: the one before, and the same one a year ago."""
    return [month_in_words(one) for one in _others(evidence)]


def figures(evidence: Evidence) -> list[Figure]:
    """The headline numbers of a month, those that are published of its service."""
    this = evidence.numbers()
    if this is None:
        return []
    others = [evidence.numbers(month) for month in _others(evidence)]
    name = evidence.service.name
    return [_figure(measure, this, others) for measure in _MEASURES if measure.published(name)]


def unpublished(name: ServiceName) -> str:
    """What the TLC does not tell of a service's trips, in a sentence; '' for most."""
    missing = [word for word, told in (("money", _has_money), ("distance", _has_distance)) if not told(name)]
    return f"The TLC publishes no {' and no '.join(missing)} of this service." if missing else ""


def _others(evidence: Evidence) -> tuple[date, date]:
    month = evidence.month
    return previous_month(month), month.replace(year=month.year - 1)


def _figure(measure: _Measure, this: Numbers, others: list[Numbers | None]) -> Figure:
    value = measure.of(this)
    if value is None:
        return Figure(measure.name, NOT_COUNTED, tuple(UNKNOWN for _ in others))
    known = [measure.of(one) if one else None for one in others]
    change = _points if measure.is_share else _percent
    changes = tuple(UNKNOWN if one is None else change(one, value) for one in known)
    return Figure(measure.name, measure.said(value), changes)


def _percent(before: float, now: float) -> str:
    if not before:
        return UNKNOWN
    change = now / before - 1
    return "same" if abs(change) < _ROUNDED else f"{change * 100:+,.1f} %"


def _points(before: float, now: float) -> str:
    change = (now - before) * 100
    return "same" if abs(change) < _ROUNDED * 10 else f"{change:+.2f} points"


def _ratio(part: float | None, whole: float | None, factor: float = 1.0) -> float | None:
    return None if part is None or not whole else part / whole * factor


def _has_money(name: ServiceName) -> bool:
    return bool(MEASURES[name].revenue)


def _has_tips(name: ServiceName) -> bool:
    return MEASURES[name].tips is not None


def _has_distance(name: ServiceName) -> bool:
    return MEASURES[name].distance is not None


_MEASURES = (
    _Measure("Trips", lambda one: one.trips, lambda value: f"{value:,.0f}"),
    _Measure(PAID, lambda one: one.revenue, lambda value: in_words(value, "USD"), _has_money),
    _Measure(
        "Paid a trip",
        lambda one: _ratio(one.revenue, one.trips),
        lambda value: f"{value:,.2f} USD",
        _has_money,
    ),
    _Measure(
        "Tips, share of it",
        lambda one: _ratio(one.tips, one.revenue),
        lambda value: share_in_words(value, 1),
        _has_tips,
        is_share=True,
    ),
    _Measure("Distance", lambda one: one.miles, lambda value: in_words(value, "miles"), _has_distance),
    _Measure(
        "Distance a trip",
        lambda one: _ratio(one.miles, one.trips),
        lambda value: f"{value:,.2f} miles",
        _has_distance,
    ),
    _Measure("Time on the road", lambda one: one.hours, lambda value: in_words(value, "hours")),
    _Measure(
        "Time a trip", lambda one: _ratio(one.hours, one.trips, 60), lambda value: f"{value:,.1f} minutes"
    ),
    _Measure(
        "Rejected rows",
        lambda one: _ratio(one.rejected, one.trips + one.rejected) or 0.0,
        lambda value: share_in_words(value, 1),
        is_share=True,
    ),
)
