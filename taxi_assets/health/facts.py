"""What is known of the installation now, as data: by Dagster's records, and the newest comparison."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime

from taxi_assets.recovery.believed import Record
from taxi_assets.recovery.compared import Compared
from taxi_assets.tlc.services import Service, ServiceName

Records = Mapping[str, Mapping[str, Record]]
"""The newest materialization by stage and month."""


@dataclass(frozen=True)
class Failed:
    """Months of a stage that the newest run which was at them did not make.

    Attributes:
        months: Their keys.
        why: What the run that failed last said.
    """

    months: frozenset[str]
    why: str = ""


@dataclass(frozen=True)
class FailedCheck:
    """A check that failed for what stands now.

    Attributes:
        asset: Key of the asset, ``postgres/green_trips``.
        name: The check's.
        months: Partition keys; empty where the check is of no month.
        blocking: Whether it is an error, not a warning.
        why: What the newest of them said.
    """

    asset: str
    name: str
    months: frozenset[str] = frozenset()
    blocking: bool = True
    why: str = ""


@dataclass(frozen=True)
class FailedBeside:
    """An asset beside the services' chains that the newest run which was at it did not make.

    Attributes:
        asset: Key of the asset, ``marts/trips_daily``.
        months: Partition keys; empty where the asset has none.
        why: What the run that failed last said.
        in_a_store: Whether readers of a store miss it, and not only who looks at a picture or a page.
    """

    asset: str
    months: frozenset[str] = frozenset()
    why: str = ""
    in_a_store: bool = False


@dataclass(frozen=True)
class ServiceFacts:
    """One service.

    Attributes:
        service: Which.
        months: Every partition that there is, oldest first.
        records: What Dagster believes, by stage and month.
        failed: By stage.
        busy: Months that a run is at, or waits to be: nothing is said of them.
        held_back: Months that the gate keeps from the targets.
        held_back_why: What the newest of them is unlike in.
        outdated: Months cleaned by other rules, schema or code than today's default.
    """

    service: Service
    months: Sequence[str]
    records: Records
    failed: Mapping[str, Failed] = field(default_factory=dict)
    busy: frozenset[str] = frozenset()
    held_back: frozenset[str] = frozenset()
    held_back_why: str = ""
    outdated: frozenset[str] = frozenset()

    def of(self, stage: str) -> Mapping[str, Record]:
        """Records of a stage."""
        return self.records.get(stage, {})

    def quiet(self, stage: str) -> Set[str]:
        """Months of which nothing is to be said: a run is at them, or they have a line already."""
        failed = [self.failed[name].months for name in ("raw", "cleaned", stage) if name in self.failed]
        held_back = frozenset() if stage == "cleaned" else self.held_back
        return frozenset().union(self.busy, held_back, *failed)

    def missing(self, stage: str) -> frozenset[str]:
        """Months that a stage lacks, and what it is made of has."""
        return frozenset(self.of(origin_of(stage)).keys() - self.of(stage).keys() - self.quiet(stage))

    def stale(self, stage: str) -> frozenset[str]:
        """Months that were made of another version than what they come from has, by the records."""
        has, wanted = self.of(stage), self.of(origin_of(stage))
        fact = "sha256" if stage == "cleaned" else "version"
        return frozenset(
            month
            for month in has.keys() & wanted.keys() - self.quiet(stage)
            if wanted[month].facts.get(fact) not in {None, has[month].facts.get(fact)}
        )

    @property
    def held(self) -> Sequence[str]:
        """Months of which the file or the cleaned rows are there, oldest first."""
        return sorted({*self.of("raw"), *self.of("cleaned")})


@dataclass(frozen=True)
class Trail:
    """The audit trail's newest entries.

    Attributes:
        entries: In words, newest first.
        away: Why it could not be read, or ''.
    """

    entries: Sequence[str] = ()
    away: str = ""


@dataclass(frozen=True)
class Facts:
    """All that the page is made of.

    Attributes:
        at: When it was looked.
        services: The four, also those of which nothing is held.
        targets: Stages that are switched on.
        checks: That failed, without the gate's and those that the page looks into by itself.
        beside: Zones, marts, summaries and reports that failed.
        compared: None if that never happened.
        trail: None where Postgres is switched off, and the trail with it.
    """

    at: datetime
    services: Mapping[ServiceName, ServiceFacts]
    targets: Sequence[str]
    checks: Sequence[FailedCheck] = ()
    beside: Sequence[FailedBeside] = ()
    compared: Compared | None = None
    trail: Trail | None = None

    @property
    def held(self) -> bool:
        """Whether anything is held at all."""
        return any(one.held for one in self.services.values())


def origin_of(stage: str) -> str:
    """The stage that ``cleaned`` or a target is made of."""
    return "raw" if stage == "cleaned" else "cleaned"


def between(months: Sequence[str], held: Iterable[str]) -> Sequence[str]:
    """Those of ``months`` between the oldest and the newest one held."""
    there = set(held)
    return [month for month in months if min(there) <= month <= max(there)] if there else []
