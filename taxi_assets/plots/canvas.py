"""What all pictures share: size, colours, letters, and how a figure becomes SVG text.

- A card of its own, dark on white: on Dagster's dark page as readable as on its light one, on paper too.
  A transparent picture could only have grey letters, too weak on either.
- 480 pixels wide with letters of 13: a phone shows them at 10, a page at their size.
- Colours of Okabe and Ito, which the colour-blind tell apart; they differ in lightness as well.
- One unit is half a pixel, so that all coordinates can be whole numbers.
"""

import html
import io
from typing import TYPE_CHECKING, Any

from taxi_assets.plots.compact import compact

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

UNITS = 2
"""Units a pixel."""

WIDTH = 480 * UNITS
LETTERS = 13 * UNITS
TITLE_LETTERS = 15 * UNITS

INK = "#333333"
PALE = "#d9d9d9"
CARD = "#ffffff"
BLUE = "#0072b2"
SKY = "#56b4e9"
ORANGE = "#d55e00"

_INCH = 72  # points; one is a unit here
_MARGIN = 24
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # letters stay letters: a third of the size, and a page can be searched
    "svg.hashsalt": "taxi_assets",  # the same data gives the same text
    "path.simplify": False,
}


def new_figure(pixels_high: int, title: str) -> "Figure":
    """An empty card with its title; ``place`` gives room below it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / _INCH, pixels_high * UNITS / _INCH), dpi=_INCH, facecolor=CARD)
    write(figure, title, 0, size=TITLE_LETTERS, weight="bold")
    return figure


def write(
    figure: "Figure",
    words: str,
    pixels_down: float,
    *,
    size: int = LETTERS,
    weight: str = "normal",
    right: bool = False,
) -> None:
    """A line of words at the left edge, or the right one, so far below the top of the card."""
    high = figure.get_figheight() * _INCH
    figure.text(
        1 - _MARGIN / WIDTH if right else _MARGIN / WIDTH,
        1 - (_MARGIN + pixels_down * UNITS) / high,
        words,
        fontsize=size,
        fontweight=weight,
        color=INK,
        va="top",
        ha="right" if right else "left",
    )


def place(figure: "Figure", left: float, top: float, right: float, bottom: float) -> "Axes":
    """Axes between two corners, in pixels from the top left corner of the card."""
    high = figure.get_figheight() * _INCH / UNITS
    wide = WIDTH / UNITS
    axes = figure.add_axes((left / wide, 1 - bottom / high, (right - left) / wide, (bottom - top) / high))
    axes.patch.set_visible(False)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0, pad=10, labelsize=LETTERS, labelcolor=INK)
    return axes


def rule(axes: "Axes", top: float, unit: str) -> None:
    """A scale from 0 to a little over ``top``: three or four pale lines across and their numbers."""
    from matplotlib.ticker import MaxNLocator

    axes.set_ylim(0, (top or 1) * 1.08)
    axes.yaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 2.5, 5, 10], integer=not unit))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    axes.grid(axis="y", color=PALE, linewidth=UNITS, clip_on=False)


def drawn(figure: "Figure", title: str, description: str) -> str:
    """The figure as SVG text that says what it shows."""
    import matplotlib as mpl

    text = io.StringIO()
    with mpl.rc_context(_STYLE):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Format": None})
    high = round(figure.get_figheight() * _INCH)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
        f'aria-labelledby="title about" width="{WIDTH // UNITS}" height="{high // UNITS}" '
        f'viewBox="0 0 {WIDTH} {high}" font-family="Helvetica,Arial,sans-serif">'
        f'<title id="title">{html.escape(title)}</title><desc id="about">{html.escape(description)}</desc>'
    )
    return head + compact(text.getvalue())
