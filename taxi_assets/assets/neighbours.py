"""Is a month like the months around it? A comparison of two numbers, without a store and without Dagster.

What a cleaning rule can't see - a file cut in half by its publisher, a month published under another's
name, a column that lost its meaning - shows in how many rows there are and how many of them are rejected.
One neighbour of like size proves nothing, as it may be cut like the month itself: two must agree with it.

Of 589 published months, with three neighbours on either side, each has two within a factor of 2.5. While
only earlier months are known, eight have not within 3: April and May of 2020, when New York stayed at
home, of yellow and green, April of fhv and fhvhv, and fhv of early 2019, whose bases began to report
elsewhere. Those are worth a person's look.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from taxi_assets.tlc.services import month_key, months_before, next_month

T = TypeVar("T")

REACH = 3
"""Months before and after that count as neighbours."""

FEWEST = 2
"""Neighbours below which rows are not compared: one may be odd itself."""


@dataclass(frozen=True)
class Size:
    """Rows of a month, and how many of them were rejected."""

    raw: int
    rejected: int

    @property
    def share(self) -> float:
        """Share of rejected rows."""
        return self.rejected / self.raw if self.raw else 0.0


def neighbours_of(month: date) -> list[date]:
    """The months before and after that ``month`` is compared with, oldest first."""
    after = [month]
    for _ in range(REACH):
        after.append(next_month(after[-1]))
    return [*months_before(month, REACH), *after[1:]]


def unlike_neighbours(
    size: Size,
    neighbours: Mapping[date, Size],
    max_rows_factor: float,
    max_quarantine_share: float,
    *,
    compare_rows: bool = True,
) -> list[str]:
    """In which respects a month is unlike its neighbours, in words; none if it is like them.

    Args:
        size: The month's.
        neighbours: Those that stand, by month.
        max_rows_factor: How many times more or fewer rows than its neighbours a month may have: two of them
            must be as near as that, or one where there are only two.
        max_quarantine_share: Share of rejected rows that is believed whatever the neighbours' is; above
            it the month must not reject ``max_rows_factor`` times as much as they do.
        compare_rows: Whether the number of rows is in doubt at all; the rejected share always is.
    """
    found = []
    factors = sorted((_factor(size.raw, other.raw), month) for month, other in neighbours.items())
    if compare_rows and len(factors) >= FEWEST and _agreeing(factors)[0] > max_rows_factor:
        factor, nearest = _agreeing(factors)
        other = neighbours[nearest].raw
        found.append(
            f"{size.raw:,} rows, {factor:.1f} times {'more' if size.raw > other else 'fewer'} than "
            f"{month_key(nearest)} with {other:,} (believed up to {max_rows_factor:g})"
        )
    shares = sorted((other.share for other in neighbours.values()), reverse=True)
    usual = _agreeing(shares) if shares else 0.0
    if size.share > max_quarantine_share and size.share > max_rows_factor * usual:
        found.append(
            f"{size.share:.1%} of the rows are rejected, {usual:.1%} in the months around it "
            f"(believed up to {max_quarantine_share:.1%})"
        )
    return found


def uneven(sizes: Sequence[Size], max_rows_factor: float, max_quarantine_share: float) -> bool:
    """Whether any of some months may be unlike the others, so that a closer look is worth its price."""
    rows = [size.raw for size in sizes]
    shares = [size.share for size in sizes]
    return _factor(max(rows), min(rows)) > max_rows_factor or max(shares) > max_quarantine_share


def _agreeing(nearest_first: Sequence[T]) -> T:
    """The second neighbour, or the only one that can be asked for where a second may be odd itself."""
    return nearest_first[1 if len(nearest_first) > FEWEST else 0]


def _factor(one: int, other: int) -> float:
    return max(one, other) / max(min(one, other), 1)
