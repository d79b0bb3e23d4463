"""What changed in the columns from one published file to another, and whether the schema table knows of it.

The TLC renames columns, adds some, and writes whole numbers as doubles for a year or two. Nothing announces
it. Cleaning reads all of this right, or refuses the file; this is the log of it. The order of the columns is
left out: they are found by their names, and it changed without meaning in every era.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from taxi_assets.tlc.column import Published
from taxi_assets.tlc.layout import CSV_TEXT
from taxi_assets.tlc.schema import CSV_LACKS, IGNORED_COLUMNS, columns, published_columns
from taxi_assets.tlc.services import ServiceName

Kind = Literal["added", "gone", "renamed", "type"]


@dataclass(frozen=True)
class Change:
    """One difference between two files.

    Attributes:
        kind: What happened to the column.
        before: Name and type in the earlier file; empty if it is new.
        now: Name and type in the later one; empty if it is gone.
        known: Whether the schema table says that the later file is to be so.
    """

    kind: Kind
    before: str
    now: str
    known: bool


@dataclass(frozen=True)
class Layout:
    """The columns of one month's file, name to type in the schema table's words."""

    month: date
    columns: Mapping[str, str]


def changes(service: ServiceName, before: Layout, now: Layout) -> list[Change]:
    """What changed in a service's columns from an earlier file to a later one."""
    return list(_changes(service, now.month, _by_column(service, before), _by_column(service, now)))


def _changes(
    service: ServiceName,
    month: date,
    before: Mapping[str, tuple[str, str]],
    now: Mapping[str, tuple[str, str]],
) -> Iterator[Change]:
    expected = {column.name: era for column, era in published_columns(service, month).items()}
    from_csv = any(kind == CSV_TEXT for _, kind in now.values())
    may_lack = CSV_LACKS[service] if from_csv else frozenset()
    for column in [*before, *(name for name in now if name not in before)]:
        old, new, era = before.get(column), now.get(column), expected.get(column)
        if new is None:
            known = era is None or column in may_lack
            yield Change("gone", _shown(old), "", known)
            continue
        known = column in IGNORED_COLUMNS or (era is not None and _is_as_told(new, era))
        if old is None:
            yield Change("added", "", _shown(new), known)
        elif old[0] != new[0]:
            yield Change("renamed", _shown(old), _shown(new), known)
        elif old[1] != new[1] and CSV_TEXT not in (old[1], new[1]):
            yield Change("type", _shown(old), _shown(new), known)


def _is_as_told(found: tuple[str, str], era: Published) -> bool:
    name, kind = found
    return name == era.name and (kind in era.types or kind == CSV_TEXT)


def _by_column(service: ServiceName, layout: Layout) -> dict[str, tuple[str, str]]:
    """Canonical name, or the file's own where there is none, to the file's name and type."""
    canonical = {alias: column.name for column in columns(service) for alias in column.aliases(service)}
    # The month's own names go first: ``payment_type`` is text in 2010, and another column ever after.
    for column, era in published_columns(service, layout.month).items():
        canonical[str(era.name).casefold()] = column.name
    return {
        canonical.get(name.strip().casefold(), name): (name, kind) for name, kind in layout.columns.items()
    }


def _shown(found: tuple[str, str] | None) -> str:
    return " ".join(found) if found else ""
