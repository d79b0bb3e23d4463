"""Trips a month over all years of a service, as SVG text like the plots of a month."""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

from taxi_assets.plots.canvas import BLUE, UNITS, drawn, new_figure, place, rule, write
from taxi_assets.tlc.services import Service, next_month
from taxi_assets.words import month_in_words, scaled, unit_in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HIGH = 186
_YEARS_NAMED = 6
_FEW = 24
_TOGETHER = 4  # months whose names would run into each other


def trips_a_month(service: Service, trips: Mapping[date, int]) -> str:
    """Bars from the first known month to the last; months that are not known are gaps.

    Args:
        service: Whose trips.
        trips: By month, at least one.
    """
    months = [min(trips)]
    while months[-1] < max(trips):
        months.append(next_month(months[-1]))
    most = max(trips, key=trips.__getitem__)
    factor, word = scaled(trips[most])
    title = f"{service.title}: trips a month"
    figure = new_figure(_HIGH, title)
    write(figure, unit_in_words(word, "trips"), 26)
    axes = place(figure, 58, 56, 468, 152)
    rule(axes, trips[most] / factor, word)
    known = [(number, trips[month] / factor) for number, month in enumerate(months) if month in trips]
    axes.bar([number for number, _ in known], [value for _, value in known], width=0.9, color=BLUE)
    axes.set_xlim(-0.6 * max(1, 12 - len(months)), len(months) - 1 + 0.6 * max(1, 12 - len(months)))
    _name_months(axes, months)
    axes.tick_params(axis="x", length=2 * UNITS)
    about = (
        f"{len(known):,} months from {month_in_words(months[0])} to {month_in_words(months[-1])}, "
        f"the most trips in {month_in_words(most)}: {trips[most]:,}"
    )
    return drawn(figure, title, about)


def _name_months(axes: "Axes", months: list[date]) -> None:
    """Names of years below their Januaries, or of the first and the last month where there are few."""
    januaries = [number for number, month in enumerate(months) if month.month == 1]
    if len(months) <= _TOGETHER:
        last = f" to {months[-1]:%b %Y}" if len(months) > 1 else ""
        axes.set_xticks([(len(months) - 1) / 2], [f"{months[0]:%b %Y}{last}"])
        return
    if len(months) <= _FEW or not januaries:
        ends = sorted({0, len(months) - 1})
        axes.set_xticks(ends, [f"{months[one]:%b %Y}" for one in ends])
        return
    step = -(-len(januaries) // _YEARS_NAMED)
    named = januaries[::step]
    axes.set_xticks(named, [f"{months[one]:%Y}" for one in named])
