"""A month beside the 24 before it: rows, revenue where there is money, share of rejected rows."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from taxi_assets.plots.canvas import BLUE, ORANGE, UNITS, drawn, new_figure, place, rule, write
from taxi_assets.tlc.services import Service, month_key, months_before
from taxi_assets.words import in_words, month_in_words, scaled, share_in_words, unit_in_words

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MONTHS_BEFORE = 24

_PANEL = 102  # pixels from one panel's top to the next one's
_TOP = 54


class _Panel(NamedTuple):
    """One measure over the months.

    Attributes:
        name: What is measured, behind the word for the scale.
        unit: What one of it is called behind a number.
        values: One a month, oldest first; None where a month is not known.
    """

    name: str
    unit: str
    values: Sequence[float | None]


def month_against_history(service: Service, month: date, summaries: "pd.DataFrame") -> str:
    """Small multiples over the last two years, with the month marked and unknown months as gaps.

    Args:
        service: Whose trips.
        month: First day of the month that is looked at.
        summaries: One row for each month that is known, the month itself included, in any order. Read are
            ``month`` (its first day), ``trips``, ``revenue_usd`` (null where there is no money) and
            ``quarantined_share``. Months after ``month``, and those longer ago, are not shown.
    """
    title = f"{month_in_words(month)} and the two years before"
    months = [*months_before(month, MONTHS_BEFORE), month]
    panels = _panels(summaries, months)
    figure = new_figure(_TOP + len(panels) * _PANEL + 28, title)
    write(figure, service.title, 26)
    for number, panel in enumerate(panels):
        top = _TOP + number * _PANEL
        last = panel.values[-1]
        most = max(_known(panel.values), default=0.0)
        factor, word = (0.01, "%") if panel.unit == "%" else scaled(most)
        write(figure, unit_in_words(word, panel.name), top)
        write(figure, f"{month:%B}: {_said(panel, last)}", top, right=True)
        axes = place(figure, 58, top + 26, 454, top + _PANEL - 12)
        rule(axes, most / factor, word)
        _line(axes, [None if one is None else one / factor for one in panel.values])
        axes.set_xlim(-0.5, len(months) - 0.5)
        januaries = [place for place, one in enumerate(months) if one.month in (1, 7)]
        named = number == len(panels) - 1
        axes.set_xticks(januaries, [f"{months[one]:%b %Y}" if named else "" for one in januaries])
    return drawn(figure, title, _about(panels, months))


def _line(axes: "Axes", values: Sequence[float | None]) -> None:
    """A line with gaps; a month between two gaps is a dot, the last month a large one."""
    known = {at: value for at, value in enumerate(values) if value is not None}
    joined = [at for at in known if at - 1 in known or at + 1 in known]
    _draw(axes, [(at, known[at], at - 1 in known) for at in joined], 2)
    alone = [at for at in known if at not in joined]
    # A line from a point to itself, with round ends, is a dot.
    _draw(axes, [(at, known[at], again) for at in alone for again in (False, True)], 5)
    last = values[-1]
    if last is not None:
        axes.plot([len(values) - 1], [last], "o", color=ORANGE, markersize=9 * UNITS, clip_on=False)


def _draw(axes: "Axes", points: Sequence[tuple[int, float, bool]], pixels: int) -> None:
    """Points, each joined to the one before or not, as one path."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    if not points:
        return
    path = Path([(x, y) for x, y, _ in points], [Path.LINETO if on else Path.MOVETO for *_, on in points])
    line = PathPatch(path, fill=False, edgecolor=BLUE, linewidth=pixels * UNITS, clip_on=False)
    line.set_capstyle("round")
    line.set_joinstyle("round")
    axes.add_patch(line)


def _panels(summaries: "pd.DataFrame", months: Sequence[date]) -> list[_Panel]:
    import pandas as pd

    keys = pd.to_datetime(summaries["month"]).dt.strftime("%Y-%m")
    by_month = summaries.set_index(keys)

    def values(name: str) -> list[float | None]:
        column = by_month[name] if name in by_month else pd.Series(dtype="Float64")
        found = [column.get(month_key(one)) for one in months]
        return [None if one is None or pd.isna(one) else float(one) for one in found]

    panels = [
        _Panel("trips", "", values("trips")),
        _Panel("USD charged", "USD", values("revenue_usd")),
        _Panel("of the rows rejected", "%", values("quarantined_share")),
    ]
    return [panel for panel in panels if panel.unit != "USD" or _known(panel.values)]


def _known(values: Sequence[float | None]) -> list[float]:
    return [one for one in values if one is not None]


def _said(panel: _Panel, value: float | None) -> str:
    if value is None:
        return "not known"
    if panel.unit == "%":
        return share_in_words(value, 1)
    return in_words(value, panel.unit) if panel.unit else f"{value:,.0f}"


def _about(panels: Sequence[_Panel], months: Sequence[date]) -> str:
    known = len(_known(panels[0].values[:-1]))
    told = ", ".join(f"{_said(panel, panel.values[-1])} {panel.name}" for panel in panels)
    return f"{month_in_words(months[-1])}: {told}; beside it {known} of {MONTHS_BEFORE} earlier months"
