"""Why rows were rejected: one bar for each cleaning rule that a row broke."""

from collections.abc import Mapping

from taxi_assets.plots.canvas import INK, LETTERS, ORANGE, PALE, drawn, new_figure, place, write
from taxi_assets.words import counted, share_in_words

_BAR = 40
_TOP = 54
_MOST = 12
"""Bars drawn; there are ten rules, so that nothing is left out yet."""


def reasons(counts: Mapping[str, int], raw_rows: int) -> str:
    """Horizontal bars, the most frequent reason first.

    Args:
        counts: Rows by the rule that they break; a row that breaks two counts in both.
        raw_rows: Rows of the published file, of which the shares are.
    """
    title = "Why rows were rejected"
    found = sorted(((count, name) for name, count in counts.items() if count), reverse=True)[:_MOST]
    of_all = f"of {counted(raw_rows, 'published row')}"
    if not found:
        figure = new_figure(64, title)
        write(figure, f"None {of_all} was.", 28)
        return drawn(figure, title, f"None {of_all} was rejected.")
    figure = new_figure(_TOP + _BAR * len(found) + 8, title)
    write(figure, f"{of_all}; a row may have several reasons", 27)
    axes = place(figure, 14, _TOP, 466, _TOP + _BAR * len(found))
    largest = found[0][0]
    axes.set_xlim(0, largest)
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_xticks([])
    axes.set_yticks([])
    for at, (count, name) in enumerate(found):
        axes.barh([at + 0.22], [largest], 0.22, color=PALE)
        axes.barh([at + 0.22], [count], 0.22, color=ORANGE)
        axes.text(0, at, name.replace("_", " "), va="bottom", fontsize=LETTERS, color=INK)
        share = share_in_words(count, raw_rows)
        axes.text(largest, at, f"{count:,}, {share}", va="bottom", ha="right", fontsize=LETTERS, color=INK)
    told = "; ".join(f"{name.replace('_', ' ')} {count:,}" for count, name in found)
    return drawn(figure, title, f"{told}; {of_all}")
