"""Rows in the making: one NumPy array per canonical column, before they take a published form."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taxi_assets.tlc.services import ServiceName

Array: TypeAlias = NDArray[Any]

_TICKETS = 1 << 16


@dataclass
class Chunk:
    """Consecutive rows of a month.

    Attributes:
        service: Whose trips.
        month: First day of the month.
        rows: How many.
        rng: The generator that all values of the chunk come from.
        values: Column name to values: seconds since 1970 for times, positions in ``labels`` for texts.
        labels: The texts of a text column.
        nulls: Where a column is null; columns without an entry have no nulls.
    """

    service: ServiceName
    month: date
    rows: int
    rng: np.random.Generator
    values: dict[str, Array] = field(default_factory=dict)
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    nulls: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    def draw_text(self, name: str, shares: dict[str, float]) -> None:
        """Fill a text column with random labels, each in its share."""
        self.labels[name] = tuple(shares)
        self.values[name] = self.draw(tuple(shares.values()))

    def draw_code(self, name: str, shares: dict[int, float]) -> None:
        """Fill an integer column with random codes, each in its share."""
        self.values[name] = np.array(tuple(shares), dtype=np.int32)[self.draw(tuple(shares.values()))]

    def draw(self, shares: Sequence[float]) -> Array:
        """Random positions in ``shares``, each in its share."""
        return lottery(tuple(shares))[self.rng.integers(0, _TICKETS, self.rows, dtype=np.uint16)]

    def happens(self, share: float) -> NDArray[np.bool_]:
        """True in about ``share`` of the rows."""
        return self.rng.random(self.rows, dtype=np.float32) < share

    def make_null(self, name: str, where: NDArray[np.bool_]) -> None:
        """Make a column null in the rows given, besides those where it is null already."""
        self.nulls[name] = where | self.nulls[name] if name in self.nulls else where

    def copy_rows(self, sources: Array, targets: Array) -> None:
        """Make each target row equal to its source row."""
        for array in (*self.values.values(), *self.nulls.values()):
            array[targets] = array[sources]

    def keep(self, names: Iterable[str]) -> None:
        """Forget all columns but these."""
        kept = set(names)
        self.values = {name: array for name, array in self.values.items() if name in kept}


@cache
def lottery(shares: tuple[float, ...]) -> Array:
    """A table of 65,536 tickets: a random one is a weighted choice at the price of one look-up."""
    ends = np.round(np.cumsum(shares) / sum(shares) * _TICKETS).astype(np.int64)
    return np.repeat(np.arange(len(shares), dtype=np.int16), np.diff(ends, prepend=0))
