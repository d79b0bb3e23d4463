"""Where trips began: a map of the taxi zones, the more pickups the darker."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from taxi_assets.plots.canvas import CARD, INK, LETTERS, PALE, UNITS, WIDTH, drawn, new_figure, place, write
from taxi_assets.words import counted, share_in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Outline: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.int64]]

_SHADES = ("#c7e9b4", "#7fcdbb", "#41b6c4", "#1d91c0", "#225ea8", "#0c2c84")
"""ColorBrewer's YlGnBu without its palest, which would be lost on white: safe for the colour-blind."""

_NOWHERE = (264, 265)
"""Ids that are no place: unknown, and outside the city."""

_TOP = 34
_LEFT = (WIDTH // UNITS - 440) // 2


def pickup_map(zones: Mapping[int, int]) -> str:
    """The zones of New York by pickups.

    Args:
        zones: Pickups by taxi zone. Empty where none is published: yellow of 2009 and 2010 has
            coordinates instead. The picture then says so.
    """
    title = "Pickups by taxi zone"
    pickups, elsewhere = _on_the_map(zones)
    if not pickups:
        words = (
            f"All {counted(elsewhere, 'pickup')} are at no known zone."
            if elsewhere
            else "No pickup zone is published for this month."
        )
        figure = new_figure(64, title)
        write(figure, words, 28)
        return drawn(figure, title, words)
    wide, high = (units // UNITS for units in _shapes()["size"])
    figure = new_figure(_TOP + high + 26, title)
    axes = place(figure, _LEFT, _TOP, _LEFT + wide, _TOP + high)
    axes.set_axis_off()
    axes.set_xlim(0, _shapes()["size"][0])
    axes.set_ylim(_shapes()["size"][1], 0)
    bounds = _bounds(max(pickups.values()))
    for shade, group in enumerate(_grouped(pickups, bounds)):
        _fill(axes, group, ((PALE, *_SHADES[-len(bounds) :]))[shade])
    _legend(axes, bounds)
    everywhere = elsewhere + sum(pickups.values())
    write(
        figure,
        f"{share_in_words(elsewhere, everywhere)} at no known zone or outside the city",
        _TOP + high - 4,
    )
    top = ", ".join(f"{zone} with {count:,}" for zone, count in Counter(pickups).most_common(3))
    return drawn(
        figure, title, f"Most in the zones {top}. {counted(elsewhere, 'pickup')} at no zone of the map."
    )


def _on_the_map(zones: Mapping[int, int]) -> tuple[dict[int, int], int]:
    """Pickups by a zone that the map draws, and how many are at none."""
    shapes = _shapes()
    pickups: dict[int, int] = {}
    elsewhere = 0
    for number, count in zones.items():
        zone = shapes["same"].get(str(number), number)
        if str(zone) in shapes["zones"]:
            pickups[zone] = pickups.get(zone, 0) + count
        else:
            elsewhere += count
    return {zone: count for zone, count in pickups.items() if count}, elsewhere


def _bounds(largest: int) -> list[int]:
    """Where a shade begins: 1, and up to five numbers like 200, 500, 1,000 below the largest."""
    series = [step * 10**power for power in range(12) for step in (1, 2, 5)]
    below = [one for one in series if 1 < one <= largest]
    return [1, *below[-(len(_SHADES) - 1) :]]


def _grouped(pickups: Mapping[int, int], bounds: Sequence[int]) -> list[list[int]]:
    """Zones by shade, those without a pickup first."""
    groups: list[list[int]] = [[] for _ in range(len(bounds) + 1)]
    for zone in map(int, _shapes()["zones"]):
        groups[sum(pickups.get(zone, 0) >= bound for bound in bounds)].append(zone)
    return groups


def _fill(axes: "Axes", zones: Sequence[int], colour: str) -> None:
    """All zones of a shade as one path."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    points, codes = [], []
    for outline in (one for zone in zones for one in _outlines()[zone]):
        points.append(outline)
        codes += [Path.MOVETO, *[Path.LINETO] * (len(outline) - 2), Path.CLOSEPOLY]
    if points:
        path = Path(np.concatenate(points), codes)
        # As an artist: a patch would widen the axes' limits, which are set, at 10 ms for all its points.
        axes.add_artist(PathPatch(path, facecolor=colour, edgecolor=CARD, linewidth=1, clip_on=False))


def _legend(axes: "Axes", bounds: Sequence[int]) -> None:
    from matplotlib.patches import Patch

    shades = _SHADES[-len(bounds) :]
    names = [f"{low:,} to {high - 1:,}" for low, high in pairwise(bounds)]
    names.append(f"{bounds[-1]:,} or more")
    entries = [Patch(facecolor=shade, label=name) for shade, name in zip(shades, names, strict=True)]
    entries.insert(0, Patch(facecolor=PALE, label="none"))
    axes.legend(
        handles=entries[::-1],
        loc="upper left",
        bbox_to_anchor=(0.0, 1.0),
        frameon=False,
        fontsize=LETTERS,
        labelcolor=INK,
        handlelength=1,
        handleheight=0.9,
        borderpad=0,
        borderaxespad=0,
    )


@cache
def _shapes() -> dict[str, Any]:
    known: dict[str, Any] = json.loads(files("taxi_assets.plots").joinpath("zones.json").read_text())
    return known


@cache
def _outlines() -> dict[int, list[Outline]]:
    """Points of each zone's outlines, the first one once more at the end."""

    def points(steps: Sequence[int]) -> Outline:
        places = np.cumsum(np.reshape(steps, (-1, 2)), axis=0)
        return np.concatenate([places, places[:1]])

    return {int(zone): [points(one) for one in steps] for zone, steps in _shapes()["zones"].items()}
