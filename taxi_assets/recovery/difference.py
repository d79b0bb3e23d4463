"""Differences between what Dagster believes and what stands, as data: one a stage and month at most."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from typing import Any

from taxi_assets.targets.target import Held
from taxi_assets.tlc.services import ServiceName


class Kind(StrEnum):
    """What can be wrong with a month, most urgent first."""

    LOST = "lost"
    """Believed, or needed by what was made of it, and not there."""
    OTHER_ROWS = "other rows"
    """Not the cleaned month's number of rows, or not the recorded one."""
    OTHER_VERSION = "other version"
    """Made of another file or by other rules than what it comes from, or than was recorded."""
    MISSING = "missing"
    """Never made, although what it comes from stands: the run failed, or the target is new."""
    UNRECORDED = "unrecorded"
    """Stands, and Dagster does not know it: nothing to load, see ``taxi-assets register``."""


@dataclass(frozen=True)
class Difference:
    """One month of one stage that is not as it should be.

    Attributes:
        service: Whose trips.
        stage: First part of the asset's key: ``raw``, ``cleaned``, ``quarantined``, or a target.
        month: Partition key.
        kind: What is wrong.
        words: The same for people, with numbers.
        landed: Whether it is a raw file that a person had put into the landing place.
    """

    service: ServiceName
    stage: str
    month: str
    kind: Kind
    words: str = ""
    landed: bool = False


@dataclass(frozen=True)
class Waiting:
    """A month whose targets the gate keeps from following: on purpose, until a person lets it through.

    Attributes:
        service: Whose trips.
        month: Partition key.
        words: What is unlike its neighbours, and which targets wait.
    """

    service: ServiceName
    month: str
    words: str = ""


@dataclass(frozen=True)
class Comparison:
    """What one look at all stores found.

    Attributes:
        differences: Most urgent first.
        unanswered: Why a table could not be asked, by ``service/stage``.
        busy: Months by service that a run was at meanwhile; nothing is said of them.
        months: How many months of tables were compared.
        waiting: Months that the gate holds back; no fault, and nothing to mend.
        answers: What stands, by service, stage and month, as the stores said.
    """

    differences: Sequence[Difference] = ()
    unanswered: Mapping[str, str] = field(default_factory=dict)
    busy: Mapping[str, frozenset[str]] = field(default_factory=dict)
    months: int = 0
    waiting: Sequence[Waiting] = ()
    answers: Mapping[ServiceName, Mapping[str, Mapping[str, Held]]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def clean(self) -> bool:
        """Whether every store answered, and nothing differs."""
        return not self.differences and not self.unanswered

    def counts(self) -> dict[str, int]:
        """Differences by kind, tables that could not be asked, and months that are held back."""
        found = {kind.value: sum(one.kind == kind for one in self.differences) for kind in Kind}
        return {**found, "could not be asked": len(self.unanswered), "held back": len(self.waiting)}

    def to_json(self) -> dict[str, Any]:
        """For an event's metadata: all differences without their words, months of a kind together."""
        keyed = sorted(self.differences, key=_table)
        return {
            "differences": [
                {
                    "service": service,
                    "stage": stage,
                    "kind": kind,
                    "landed": landed,
                    "months": sorted(one.month for one in months),
                }
                for (service, stage, kind, landed), months in groupby(keyed, key=_table)
            ],
            "waiting": [[one.service, one.month] for one in self.waiting],
            "unanswered": dict(self.unanswered),
            "busy": {service: sorted(months) for service, months in self.busy.items()},
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Comparison":
        """What ``to_json`` gave, in this version or one before."""
        return Comparison(
            differences=[
                Difference(
                    one["service"], one["stage"], month, Kind(one["kind"]), landed=one.get("landed", False)
                )
                for one in data["differences"]
                for month in one["months"]
            ],
            waiting=[Waiting(service, month) for service, month in data.get("waiting", ())],
            unanswered=data["unanswered"],
            busy={service: frozenset(months) for service, months in data["busy"].items()},
        )


def _table(difference: Difference) -> tuple[str, str, str, bool]:
    return difference.service, difference.stage, difference.kind.value, difference.landed
