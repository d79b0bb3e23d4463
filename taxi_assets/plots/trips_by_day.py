"""Trips of a month day by day: weekends beside weekdays, the rejected ones on top, the strays in words."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from taxi_assets.plots.canvas import BLUE, INK, LETTERS, ORANGE, SKY, drawn, new_figure, place, rule, write
from taxi_assets.tlc.profile import Profile
from taxi_assets.tlc.services import Service, days_of
from taxi_assets.words import counted, month_in_words, scaled, share_in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SATURDAY = 5
_HIGH = 282


def trips_by_day(service: Service, month: date, profile: Profile) -> str:
    """Bars of the days of a month.

    Args:
        service: Whose trips.
        month: First day of the month.
        profile: What was counted of it.
    """
    title = f"Trips a day, {month_in_words(month)}"
    days = days_of(month)
    valid = [profile.trips_on(day) for day in days]
    rejected = [profile.rejected_days[day] for day in days]
    factor, unit = scaled(max(map(sum, zip(valid, rejected, strict=True))))
    figure = new_figure(_HIGH, title)
    axes = place(figure, 58, 82, 468, 216)
    rule(axes, max(one + other for one, other in zip(valid, rejected, strict=True)) / factor, unit)
    week, weekend = (
        [0 if (day.weekday() >= _SATURDAY) != wanted else one for day, one in zip(days, valid, strict=True)]
        for wanted in (False, True)
    )
    below = [one + other for one, other in zip(week, weekend, strict=True)]
    _bars(axes, [one / factor for one in week], [0.0] * len(days), BLUE, "weekdays")
    _bars(axes, [one / factor for one in weekend], [0.0] * len(days), SKY, "weekends")
    _bars(axes, [one / factor for one in rejected], [one / factor for one in below], ORANGE, "rejected")
    mondays = [day.day for day in days if day.weekday() == 0]
    axes.set_xticks(mondays, [f"Mon {day}" for day in mondays])
    axes.set_xlim(0.4, len(days) + 0.6)
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0.0, 1.02),
        ncols=3,
        fontsize=LETTERS,
        labelcolor=INK,
        frameon=False,
        handlelength=0.8,
        handleheight=0.8,
        handletextpad=0.4,
        columnspacing=1.2,
        borderpad=0.2,
    )
    write(figure, f"{service.title}, {unit} trips".replace("  ", " "), 26)
    notes = _notes(month, profile)
    write(figure, notes, 236)
    about = f"{counted(profile.rows, 'trip')}, the most on {_busiest(days, valid)}. {notes}"
    return drawn(figure, title, about)


def _bars(axes: "Axes", heights: Sequence[float], bottoms: Sequence[float], colour: str, label: str) -> None:
    """All bars of a colour as one path, which is a fifth of the bytes of one path each."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    outlines = [
        Path(
            [(x - 0.4, low), (x - 0.4, low + high), (x + 0.4, low + high), (x + 0.4, low), (0, 0)],
            closed=True,
        )
        for x, (low, high) in enumerate(zip(bottoms, heights, strict=True), start=1)
        if high
    ]
    path = Path.make_compound_path(*outlines) if outlines else Path([(0, 0)])
    axes.add_patch(PathPatch(path, facecolor=colour, edgecolor="none", label=label, clip_on=False))


def _notes(month: date, profile: Profile) -> str:
    everything = profile.rows + profile.rejected
    if not everything:
        return "The month has no trips."
    rejected = (
        f"{profile.rejected:,} of {everything:,} rejected ({share_in_words(profile.rejected, everything)})"
    )
    strays = profile.stray_days(month)
    if not strays:
        return f"{rejected}; none of another month"
    count = counted(profile.strays(month), "stray")
    first, last = min(strays), max(strays)
    return f"{rejected}\n{count} of other months, {first if first == last else f'{first} to {last}'}"


def _busiest(days: Sequence[date], trips: Sequence[int]) -> str:
    most = max(range(len(days)), key=trips.__getitem__)
    return f"{days[most]:%A} the {days[most].day}. with {trips[most]:,}"
