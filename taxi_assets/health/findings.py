"""From facts to findings: what is wrong, how urgent that is, and what a person can do about it.

Urgent is what stays wrong until a person does something, or what readers of a store would notice. What the
sensors and the nightly comparison mend by themselves is only to be looked at, in case they don't. Months
before the oldest one that is held are no finding: nobody asked for them. A check that only warns is to be
known: nobody can put right what the TLC has published, and a page that never says "all is well" is not read.
"""

from collections.abc import Iterator
from datetime import date

from taxi_assets.checks.newest import behind_by, judge
from taxi_assets.health.compared import compared_findings
from taxi_assets.health.facts import Facts, ServiceFacts, between, origin_of
from taxi_assets.health.finding import Finding, Urgency, asset_of
from taxi_assets.tlc.services import month_key, parse_month


def findings(facts: Facts) -> list[Finding]:
    """Everything that is wrong, the most urgent first."""
    services = list(facts.services.values())
    found = [
        *_stores(facts),
        *compared_findings(facts),
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
    asset, newest = asset_of("raw", one.service), parse_month(one.held[-1])
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
    late = {month for month in one.months if one.held[-1] < month <= month_key(expected)} - one.quiet("raw")
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
    cleaned = asset_of("cleaned", one.service)
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
            asset_of(stage, one.service),
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
            asset_of("cleaned", one.service),
            one.held_back,
            "waiting for a person, no target gets it",
            f"If it is right: `taxi-assets load {one.service.name} {max(one.held_back)} --accept`.",
            one.held_back_why,
        )


def _behind(facts: Facts, one: ServiceFacts) -> Iterator[Finding]:
    """Stages that lack, or hold another version of, what they are made of."""
    for stage in ("cleaned", *facts.targets):
        asset, origin = asset_of(stage, one.service), origin_of(stage)
        missing, stale = one.missing(stage), one.stale(stage)
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


def _gaps(one: ServiceFacts) -> Iterator[Finding]:
    failed = one.failed["raw"].months if "raw" in one.failed else frozenset()
    missing = frozenset(between(one.months, one.held)) - set(one.held) - one.busy - failed
    if missing:
        yield Finding(
            Urgency.LOOK,
            asset_of("raw", one.service),
            missing,
            "missing between months that are held",
            "Backfill these months.",
        )


def _outdated(one: ServiceFacts) -> Iterator[Finding]:
    if one.outdated:
        yield Finding(
            Urgency.NOTE,
            asset_of("cleaned", one.service),
            one.outdated,
            "cleaned by other rules, limits or code than today's",
            "Materialize these months to have them alike.",
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
