"""Interleaved rounds: every side once a round, in random order, compared with the others of its round.

A machine that others use too is faster in one minute than in the next; two sides of one round share the
minute, so their ratio says more than their seconds do.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.command import say

LARGEST_MB = 600
"""No process may take more, in a month of any size."""


@dataclass(frozen=True)
class Spread:
    """Median, least and largest of some numbers."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Sum up ``values``."""
        known = list(values)
        return cls(median(known), min(known), max(known))

    def text(self, pattern: str = "{:.2f}") -> str:
        """``1.05 (1.01 to 1.12)``; one number alone if there is no more."""
        middle, least, most = (pattern.format(one) for one in (self.median, self.least, self.most))
        return middle if least == most else f"{middle} ({least} to {most})"


@dataclass(frozen=True)
class Run:
    """One side's turn.

    Attributes:
        seconds: From its start to its end.
        peak_mb: Most memory that its process ever had.
        phases: Seconds by phase, where it tells them.
        processor_seconds: Of its process and its children, in user and kernel mode; not the server's.
        child_mb: Most memory that any of its children ever had.
        server_mb: Most memory of any server process that worked for it.
        rows: What it stored, where that is checked.
    """

    seconds: float
    peak_mb: float = 0
    phases: Mapping[str, float] = field(default_factory=dict)
    processor_seconds: float = 0
    child_mb: float = 0
    server_mb: float = 0
    rows: int = 0

    @property
    def largest_mb(self) -> float:
        """Most memory of any single process of the side, the server's included."""
        return max(self.peak_mb, self.child_mb, self.server_mb)


def interleaved(
    sides: Mapping[str, Callable[[], Run]],
    rounds: int,
    seed: int = 0,
    most: Mapping[str, int] | None = None,
) -> dict[str, list[Run]]:
    """Run every side once a round, in another order each time.

    Args:
        sides: What takes turns.
        rounds: How many turns each has.
        seed: Of the order.
        most: Sides that are too slow for every round, and in how many of the first they take part.
    """
    order = random.Random(seed)
    runs: dict[str, list[Run]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in order.sample(list(sides), len(sides)):
            if number < (most or {}).get(name, rounds):
                runs[name].append(sides[name]())
                say(f"round {number + 1} of {rounds}: {name} {runs[name][-1].seconds:.2f} s")
    return runs


def ratio(above: Sequence[Run], below: Sequence[Run]) -> Spread:
    """How many times as long ``above`` took, round by round, in the rounds that both took part in."""
    return Spread.of(one.seconds / other.seconds for one, other in zip(above, below, strict=False))


def seconds_of(runs: Sequence[Run], pattern: str = "{:.2f}") -> str:
    """Their seconds as a cell of a table."""
    return Spread.of(run.seconds for run in runs).text(pattern)


def peaks_of(runs: Sequence[Run]) -> list[str]:
    """Processor seconds, and the peaks of process, children and server: four cells of a table."""
    return [
        f"{Spread.of(run.processor_seconds for run in runs).median:.1f}",
        *(
            f"{most:.0f}" if (most := max(getattr(run, name) for run in runs)) else "-"
            for name in ("peak_mb", "child_mb", "server_mb")
        ),
    ]


PEAKS = ("client CPU s", "peak MB", "its children", "server")
"""The heads of the columns of ``peaks_of``."""
