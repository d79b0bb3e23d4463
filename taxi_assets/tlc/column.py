"""What is known of one column: canonical name and type, unit, meaning, and how each era published it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Literal

import pyarrow as pa

from taxi_assets.tlc.services import ServiceName, parse_month

Kind = Literal["int", "float", "text", "time"]

ARROW_TYPES: Mapping[Kind, pa.DataType] = MappingProxyType(
    {"int": pa.int32(), "float": pa.float64(), "text": pa.string(), "time": pa.timestamp("us")}
)


@dataclass(frozen=True)
class Published:
    """How one column stands in the published files from a month on.

    Attributes:
        since: First month in which it is so.
        name: The TLC's name, or None while the column is absent.
        types: Parquet types seen: int32, int64, double, string, large_string, timestamp, null.
    """

    since: date
    name: str | None
    types: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Column:
    """One canonical column of one or more services.

    Attributes:
        name: Canonical name.
        kind: Canonical type, see ``ARROW_TYPES``.
        unit: Unit of the values, or what the codes are.
        meaning: One sentence for people.
        history: For each service that has the column, how it was published, oldest first.
    """

    name: str
    kind: Kind
    unit: str
    meaning: str
    history: Mapping[ServiceName, tuple[Published, ...]]

    def published(self, service: ServiceName, month: date) -> Published | None:
        """How ``service`` published the column in ``month``; None if the column was absent."""
        eras = [era for era in self.history.get(service, ()) if era.since <= month]
        return eras[-1] if eras and eras[-1].name else None

    def aliases(self, service: ServiceName) -> frozenset[str]:
        """Every name that ``service`` ever gave the column, case-folded."""
        return frozenset(era.name.casefold() for era in self.history.get(service, ()) if era.name)


def column(name: str, kind: Kind, unit: str, meaning: str, **history: str) -> Column:
    """A column from one line per service: ``yellow="2011-01 VendorID int64, 2023-02 VendorID int32"``.

    Each part reads: since when, the name in the file, its Parquet types. ``2011-01 -``: absent from then on.
    """
    return Column(name, kind, unit, meaning, {service: _eras(text) for service, text in history.items()})  # type: ignore[misc]


def _eras(text: str) -> tuple[Published, ...]:
    eras = []
    for era in text.split(", "):
        since, name, *types = era.split(" ")
        absent = name == "-"
        eras.append(
            Published(
                parse_month(since),
                None if absent else name,
                tuple(types[0].split("|")) if types else (),
            )
        )
    return tuple(eras)
