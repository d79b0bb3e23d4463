"""From facts to findings: what is wrong, how urgent that is, and what a person can do about it.

Urgent is what stays wrong until a person does something, or what readers of a store would notice. What the
sensors and the nightly comparison mend by themselves is only to be looked at, in case they don't. Months
before the oldest one that is held are no finding: nobody asked for them. A check that only warns is to be
known: nobody can put right what the TLC has published, and a page that never says "all is well" is not read.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum

from taxi_assets.alerts.words import listed, spans
from taxi_assets.checks.newest import behind_by, judge
from taxi_assets.health.facts import Facts, ServiceFacts, between
from taxi_assets.recovery.difference import Kind
from taxi_assets.setting_values import TARGET_NAMES
from taxi_assets.tlc.services import month_key, parse_month

OLD = timedelta(hours=36)
"""Age at which a nightly comparison has been left out once."""


class Urgency(IntEnum):
    """How soon somebody should look."""

    URGENT = 0
    LOOK = 1
    NOTE = 2


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        urgency: How soon somebody should look.
        asset: Key of the asset that it is about.
        months: Partition keys; empty where it is about no month.
        says: What is wrong.
        do: What to do about it, a sentence.
        why: What somebody else's error said, or ''; shown in between, and never trusted.
    """

    urgency: Urgency
    asset: str
    months: frozenset[str]
    says: str
    do: str
    why: str = ""


def findings(facts: Facts) -> list[Finding]:
    """Everything that is wrong, the most urgent first."""
    services = list(facts.services.values())
    found = [
        *_stores(facts),
        *_compared(facts),
        *(finding for one in services for finding in _failed(facts, one)),
        *_checks(facts),
        *_beside(facts),
        *(finding for one in services for finding in _overdue(one, facts.at.date())),
        *(finding for one in services for finding in _held_back(one)),
        *(finding for one in services for finding in _behind(facts, one)),
        *(finding for one in services for finding in _gaps(one)),
        *(finding for one in services for finding in _outdated(one)),
    ]
    return sorted(found, key=lambda one: one.urgency)  # of one urgency as they are above: what is lost first


def _stores(facts: Facts) -> Iterator[Finding]:
    if facts.trail and facts.trail.away:
        yield Finding(
            Urgency.URGENT,
            "audit_trail",
            frozenset(),
            "can't be read, Postgres does not answer",
            "Run `taxi-assets doctor`.",
            facts.trail.away,
        )


def _overdue(one: ServiceFacts, today: date) -> Iterator[Finding]:
    if not one.held:
        return
    asset, newest = f"raw/{one.service.name}_trips", parse_month(one.held[-1])
    held, words = judge(one.service, newest, today)
    if not held:
        yield Finding(
            Urgency.URGENT,
            asset,
            frozenset(),
            f"overdue, {words}",
            f"Is the sensor {one.service.name}_publication on, and has the TLC published it? Then load it.",
        )
        return
    expected = one.service.newest_expected(today)
    late = {month for month in one.months if one.held[-1] < month <= month_key(expected)} - _quiet(one, "raw")
    if late and behind_by(newest, expected) is not None:
        yield Finding(
            Urgency.LOOK,
            asset,
            frozenset(late),
            f"late, it was expected by {one.service.expected_by(expected)}",
            "It is loaded when the TLC publishes it, if the sensor is on.",
        )


def _failed(facts: Facts, one: ServiceFacts) -> Iterator[Finding]:
    """Failed months, without those whose cause has a line of its own."""
    cleaned = f"cleaned/{one.service.name}_trips"
    explained = one.held_back | {
        month for check in facts.checks if check.asset == cleaned and check.blocking for month in check.months
    }
    for stage, failed in one.failed.items():
        months = failed.months - (explained if stage in facts.targets else frozenset())
        if not months:
            continue
        old = months & one.of(stage).keys()
        stands = "; the older version still stands" if old == months else ""
        yield Finding(
            Urgency.URGENT,
            f"{stage}/{one.service.name}_trips",
            months,
            f"failed{stands}",
            "Put right what it says, then materialize these months again.",
            failed.why or "not reached, as something before it failed",
        )


def _beside(facts: Facts) -> Iterator[Finding]:
    for one in facts.beside:
        these = "these months" if one.months else "it"
        yield Finding(
            Urgency.URGENT if one.in_a_store else Urgency.LOOK,
            one.asset,
            one.months,
            "failed",
            f"Put right what it says, then materialize {these} again.",
            one.why or "not reached, as something before it failed",
        )


def _held_back(one: ServiceFacts) -> Iterator[Finding]:
    if one.held_back:
        yield Finding(
            Urgency.URGENT,
            f"cleaned/{one.service.name}_trips",
            one.held_back,
            "waiting for a person, no target gets it",
            f"If it is right: `taxi-assets load {one.service.name} {max(one.held_back)} --accept`.",
            one.held_back_why,
        )


def _behind(facts: Facts, one: ServiceFacts) -> Iterator[Finding]:
    """Stages that lack, or hold another version of, what they are made of."""
    for stage in ("cleaned", *facts.targets):
        origin = _origin(stage)
        missing, stale = _missing(one, stage, origin), _stale(one, stage)
        asset = f"{stage}/{one.service.name}_trips"
        if missing:
            yield Finding(
                Urgency.LOOK,
                asset,
                missing,
                f"missing, and {origin} is there",
                "Materialize these months.",
            )
        if stale:
            yield Finding(
                Urgency.LOOK,
                asset,
                stale,
                f"stale, made of another version than {origin} has now",
                "Materialize these months, if they don't follow by themselves.",
            )


def _quiet(one: ServiceFacts, stage: str) -> Set[str]:
    """Months of which nothing is to be said: a run is at them, or they have a line already."""
    failed = [one.failed[name].months for name in ("raw", "cleaned", stage) if name in one.failed]
    held_back = frozenset() if stage == "cleaned" else one.held_back
    return frozenset().union(one.busy, held_back, *failed)


def _missing(one: ServiceFacts, stage: str, origin: str) -> frozenset[str]:
    return frozenset(one.of(origin).keys() - one.of(stage).keys() - _quiet(one, stage))


def _origin(stage: str) -> str:
    return "raw" if stage == "cleaned" else "cleaned"


def _stale(one: ServiceFacts, stage: str) -> frozenset[str]:
    """Months that were made of another version than what they come from has, by the records."""
    has, wanted = one.of(stage), one.of(_origin(stage))
    fact = "sha256" if stage == "cleaned" else "version"
    return frozenset(
        month
        for month in has.keys() & wanted.keys() - _quiet(one, stage)
        if wanted[month].facts.get(fact) not in {None, has[month].facts.get(fact)}
    )


def _gaps(one: ServiceFacts) -> Iterator[Finding]:
    failed = one.failed["raw"].months if "raw" in one.failed else frozenset()
    missing = frozenset(between(one.months, one.held)) - set(one.held) - one.busy - failed
    if missing:
        yield Finding(
            Urgency.LOOK,
            f"raw/{one.service.name}_trips",
            missing,
            "missing between months that are held",
            "Backfill these months.",
        )


def _outdated(one: ServiceFacts) -> Iterator[Finding]:
    if one.outdated:
        yield Finding(
            Urgency.NOTE,
            f"cleaned/{one.service.name}_trips",
            one.outdated,
            "cleaned by other rules, limits or code than today's",
            "Materialize these months to have them alike.",
        )


def _compared(facts: Facts) -> Iterator[Finding]:
    """What the stores answered last, without what was stored anew or told above since."""
    compared = facts.compared
    if compared is None or facts.at.timestamp() - compared.at > OLD.total_seconds():
        if facts.held:
            yield Finding(
                Urgency.LOOK,
                "reconciliation",
                frozenset(),
                "the stores were not compared for longer than a night"
                if compared
                else "the stores were never compared",
                "Is the daemon up, and the schedule reconcile_nightly on? Then materialize it.",
            )
        if compared is None:
            return
    by_why: dict[str, list[str]] = defaultdict(list)
    for table, why in compared.found.unanswered.items():
        by_why[why].append(table)
    for why, tables in by_why.items():
        if not (facts.trail and facts.trail.away and all(table.endswith("/postgres") for table in tables)):
            yield Finding(
                Urgency.URGENT,
                "reconciliation",
                frozenset(),
                f"no answer for {listed(sorted(tables))}",
                "Run `taxi-assets doctor`, then materialize it again.",
                why,
            )
    yield from _differences(facts, compared.at)


_WRONG = {
    Kind.LOST: "lost in the store",
    Kind.OTHER_ROWS: "other rows in the store than there should be",
    Kind.OTHER_VERSION: "another version in the store than there should be",
    Kind.UNRECORDED: "in the store, and Dagster does not know it",
}
"""What was never made is seen in the records themselves, as they are now."""


def _differences(facts: Facts, at: float) -> Iterator[Finding]:
    compared = facts.compared.found.differences if facts.compared else ()
    months: dict[tuple[Kind, str, str], set[str]] = defaultdict(set)
    for one in compared:
        service = facts.services.get(one.service)
        if one.kind not in _WRONG or service is None or one.month in _quiet(service, one.stage):
            continue
        if one.stage in TARGET_NAMES and one.stage not in facts.targets:
            continue  # switched off since
        record = service.of(one.stage).get(one.month)
        told = one.kind == Kind.OTHER_VERSION and one.month in _stale(service, one.stage)
        if not told and (record is None or record.at <= at):
            months[one.kind, one.stage, one.service].add(one.month)
    for (kind, stage, name), found in months.items():
        known = kind == Kind.UNRECORDED
        yield Finding(
            Urgency.LOOK if known else Urgency.URGENT,
            f"{stage}/{name}_trips",
            frozenset(found),
            _WRONG[kind],
            "Run `taxi-assets register`."
            if known
            else "The sensor heal loads it again; if not, materialize it.",
        )


def _checks(facts: Facts) -> Iterator[Finding]:
    for one in sorted(facts.checks, key=lambda check: (check.asset, check.name)):
        yield Finding(
            Urgency.URGENT if one.blocking else Urgency.NOTE,
            one.asset,
            one.months,
            f"the check {one.name} fails",
            "Look at what it found." if one.blocking else "A warning, which stops nothing.",
            one.why,
        )


def count(found: Iterable[Finding]) -> Mapping[Urgency, int]:
    """Findings by urgency."""
    urgencies = [one.urgency for one in found]
    return {urgency: urgencies.count(urgency) for urgency in Urgency}


def months_in_words(found: Finding) -> str:
    """Months of a finding in short: ``2023-01 to 2023-04``."""
    return spans(found.months)
