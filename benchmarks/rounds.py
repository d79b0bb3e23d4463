"""Interleaved rounds: every side once a round, in random order, compared with the others of its round.

A machine that others use too is faster in one minute than in the next; two sides of one round share the
minute, so their ratio says more than their seconds do.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.command import say


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
        """``1.05 (1.01-1.12)``."""
        middle, least, most = (pattern.format(one) for one in (self.median, self.least, self.most))
        return f"{middle} ({least} to {most})"


@dataclass(frozen=True)
class Run:
    """One side's turn: its seconds, the peak of its process, seconds by phase where it tells them."""

    seconds: float
    peak_mb: float
    phases: Mapping[str, float]


def interleaved(sides: Mapping[str, Callable[[], Run]], rounds: int, seed: int = 0) -> dict[str, list[Run]]:
    """Run every side once a round, in another order each time."""
    order = random.Random(seed)
    runs: dict[str, list[Run]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in order.sample(list(sides), len(sides)):
            runs[name].append(sides[name]())
        told = ", ".join(f"{name} {done[-1].seconds:.2f} s" for name, done in runs.items())
        say(f"round {number + 1} of {rounds}: {told}")
    return runs


def ratio(above: Sequence[Run], below: Sequence[Run]) -> Spread:
    """How many times as long ``above`` took, round by round."""
    return Spread.of(one.seconds / other.seconds for one, other in zip(above, below, strict=True))
