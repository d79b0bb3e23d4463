"""Whether one month is as it should be, stage by stage: records, stores, and what each was made from.

A stage is held against its upstream only where that one is as it should be itself. A cleaned month that lost
rows says nothing against the Postgres month that was made of it before: mending the one must not touch the
other.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from taxi_assets.recovery.believed import Record
from taxi_assets.recovery.difference import Kind
from taxi_assets.recovery.standing import UNCOUNTED
from taxi_assets.targets.target import Held

Fault: TypeAlias = tuple[Kind, str]


@dataclass(frozen=True)
class Side:
    """One stage of a month: as it stands, and as Dagster believes."""

    held: Held | None
    record: Record | None

    @property
    def landed(self) -> bool:
        """Whether a person put the file there that stands, or that is believed."""
        known = (self.held and self.held.facts, self.record and self.record.facts)
        return any(facts and facts.get("origin") == "landing" for facts in known)


Sides: TypeAlias = Mapping[str, Side]
"""Stages that could be asked, upstream first."""

_ORIGINS = {"cleaned": ("raw", "sha256"), "quarantined": ("cleaned", "version")}
_ORIGIN_OF_TARGETS = ("cleaned", "version")
"""Upstream of each stage, and the fact that it hands on."""

_MADE_OF = {"raw": "", "cleaned": "raw", "quarantined": "raw"}
"""What a stage is loaded from; all others come out of cleaned."""

_RECORDED = ("version", "sha256", "bytes")
"""Facts that a store and Dagster's record have in common."""


def faults_of(sides: Sides) -> dict[str, Fault]:
    """What is wrong with a month, by stage; a stage that is fine is not in it."""
    found: dict[str, Fault] = {}

    def intact(stage: str) -> Held | None:
        fine = stage not in found or found[stage][0] == Kind.UNRECORDED
        return sides[stage].held if fine and stage in sides else None

    for stage, side in sides.items():
        fault = (
            _absent(stage, sides, intact) if side.held is None else _present(stage, side, side.held, intact)
        )
        if fault:
            found[stage] = fault
        if stage == "quarantined" and (gap := _not_conserved(intact)):
            found["cleaned"] = gap
    return found


def _absent(stage: str, sides: Sides, intact: Callable[[str], Held | None]) -> Fault | None:
    if sides[stage].record:
        return Kind.LOST, "not there"
    stages = list(sides)
    later = {"raw": stages[1:], "cleaned": stages, "quarantined": ["cleaned"]}.get(stage, [])
    made = [one for one in later if one in sides and one != "raw" and (sides[one].held or sides[one].record)]
    if made:
        return Kind.LOST, f"not there, and {made[0]} was made of it"
    upstream = _MADE_OF.get(stage, "cleaned")
    return (Kind.MISSING, f"never made, and {upstream} stands") if upstream and intact(upstream) else None


def _present(stage: str, side: Side, held: Held, intact: Callable[[str], Held | None]) -> Fault | None:
    origin, fact = _ORIGINS.get(stage, _ORIGIN_OF_TARGETS)
    upstream = None if stage == "raw" else intact(origin)
    has, wanted = held.facts.get(fact), upstream.facts.get(fact) if upstream else None
    behind = bool(wanted) and wanted != has  # another version may well have other rows
    of_rows = list(_rows(stage, held, side.record, None if behind else upstream))
    if of_rows:
        return Kind.OTHER_ROWS, "; ".join(of_rows)
    other = list(_versions(held, side.record))
    if behind:
        other.append(f"{fact} {_short(has)}, {_short(wanted)} in {origin}")
    if other:
        return Kind.OTHER_VERSION, "; ".join(other)
    return None if side.record else (Kind.UNRECORDED, "stands, and Dagster does not know it")


def _rows(stage: str, held: Held, record: Record | None, upstream: Held | None) -> Iterator[str]:
    if held.rows == UNCOUNTED:
        return
    if record and record.rows not in (None, held.rows):
        yield f"{held.rows:,} rows, {record.rows:,} recorded"
    if upstream and stage not in _ORIGINS and upstream.rows != held.rows:
        yield f"{held.rows:,} rows, {upstream.rows:,} in cleaned"


def _versions(held: Held, record: Record | None) -> Iterator[str]:
    for fact in _RECORDED:
        believed, has = (record.facts.get(fact) if record else None), held.facts.get(fact)
        if believed and believed != has:
            yield f"{fact} {_short(has)}, {_short(believed)} recorded"


def _not_conserved(intact: Callable[[str], Held | None]) -> Fault | None:
    raw, cleaned, quarantined = (intact(stage) for stage in ("raw", "cleaned", "quarantined"))
    if not (raw and cleaned and quarantined) or raw.rows == UNCOUNTED:
        return None
    parts = cleaned.rows + quarantined.rows
    if parts == raw.rows:
        return None
    return Kind.OTHER_ROWS, f"{parts:,} rows with quarantined, {raw.rows:,} in raw"


def _short(fact: str | None) -> str:
    return "unknown" if not fact else fact if len(fact) <= 12 else f"{fact[:12]}…"
