"""Is a month like the months around it? A comparison of two numbers, without a store and without Dagster.

What a cleaning rule can't see - a file cut in half by its publisher, a month published under another's
name, a column that lost its meaning - shows in how many rows there are and how many of them are rejected.
Of 589 published months, with three neighbours on either side, none differs from each of them by a factor
above 2.5; while only earlier months are known, four differ by more than 3: three of 2020-04, when New
York stayed at home, and fhv 2019-02, whose bases began to report elsewhere. Those are worth a person's
look.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from taxi_assets.tlc.services import month_key, next_month, previous_month

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
    before, after = [month], [month]
    for _ in range(REACH):
        before.insert(0, previous_month(before[0]))
        after.append(next_month(after[-1]))
    return [*before[:-1], *after[1:]]


def unlike_neighbours(
    size: Size, neighbours: Mapping[date, Size], max_rows_factor: float, max_quarantine_share: float
) -> list[str]:
    """In which respects a month is unlike each of its neighbours, in words; none if it is like them.

    Args:
        size: The month's.
        neighbours: Those that stand, by month.
        max_rows_factor: How many times more or fewer rows than each of them are still believed.
        max_quarantine_share: Share of rejected rows that is believed whatever the neighbours' is; above
            it the month must not reject ``max_rows_factor`` times as much as each of them.
    """
    found = []
    factors = {month: _factor(size.raw, other.raw) for month, other in neighbours.items()}
    if len(factors) >= FEWEST and min(factors.values()) > max_rows_factor:
        nearest = min(factors, key=lambda month: factors[month])
        other = neighbours[nearest].raw
        found.append(
            f"{size.raw:,} rows, {factors[nearest]:.1f} times {'more' if size.raw > other else 'fewer'} than "
            f"even {month_key(nearest)} with {other:,} (believed up to {max_rows_factor:g})"
        )
    usual = max((other.share for other in neighbours.values()), default=0.0)
    if size.share > max_quarantine_share and size.share > max_rows_factor * usual:
        found.append(
            f"{size.share:.1%} of the rows are rejected, {usual:.1%} at most in the months around it "
            f"(believed up to {max_quarantine_share:.1%})"
        )
    return found


def _factor(one: int, other: int) -> float:
    return max(one, other) / max(min(one, other), 1)
