"""A month's page: each service in numbers and pictures, what adds up, what was rejected, where it is from."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime

from taxi_assets.reports import places
from taxi_assets.reports.evidence import Evidence, Verdict
from taxi_assets.reports.figures import NOT_PUBLISHED, PAID, UNKNOWN, Figure, compared, figures, unpublished
from taxi_assets.reports.judgement import Line, State, absence, attention, reconciliation, state_of
from taxi_assets.reports.page import page
from taxi_assets.reports.pictures import Picture, pictures
from taxi_assets.tlc.rules import RULE_SETS, rules_for
from taxi_assets.words import counted, in_words, moment, month_in_words, share_in_words

_ZONES = 5
_SHORT = 12  # letters of a sha256 that tell two files apart

_STATES: Mapping[State, str] = {
    "holds": "adds up in every store",
    "held back": "held back",
    "differs": "does not add up",
    "missing": "missing",
    "not published": NOT_PUBLISHED,
}


@dataclass(frozen=True)
class Reason:
    """A cleaning rule and the rows that broke it."""

    name: str
    rows: int
    why: str


@dataclass(frozen=True)
class Zone:
    """A taxi zone and the trips that began there."""

    name: str
    trips: int
    share: str


@dataclass(frozen=True)
class Part:
    """What the page shows of one service."""

    name: str
    title: str
    state: State
    said: str
    trips: str
    revenue: str
    others: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    unpublished: str = ""
    pictures: Sequence[Picture] = ()
    lines: Sequence[Line] = ()
    rule_set: str = "default"
    reasons: Sequence[Reason] = ()
    zones: Sequence[Zone] = ()
    provenance: Sequence[tuple[str, str]] = ()
    verdicts: Sequence[Verdict] = ()


def monthly_page(
    month: date,
    found: Sequence[Evidence],
    zones: Mapping[int, str],
    reports: AbstractSet[date],
    secrets: AbstractSet[str],
    made: datetime,
) -> str:
    """The whole page.

    Args:
        month: Its first day.
        found: What is known of each service.
        zones: Names of the taxi zones, as far as they are known.
        reports: Months of which there is a page to link to.
        secrets: What must not be in it.
        made: When it was made.
    """
    parts = [_part(one, zones) for one in found]
    told = [f"{one.service.title}: {words}" for one in found for words in attention(one)]
    return page(
        "monthly.html.j2",
        secrets,
        title=f"New York taxi trips, {month_in_words(month)}",
        month=month_in_words(month),
        summary=summary(found),
        links=_links(month, reports),
        attention=told,
        services=parts,
        made=moment(made.timestamp()),
    )


def summary(found: Sequence[Evidence]) -> str:
    """The month in a sentence."""
    standing = [one for one in found if one.valid is not None]
    if not standing:
        return "No service has trips of this month here."
    trips = sum(one.valid or 0 for one in standing)
    paid = [numbers.revenue for one in standing if (numbers := one.numbers()) and numbers.revenue is not None]
    money = f", for which passengers paid {in_words(sum(paid), 'USD')}" if paid else ""
    states = [state_of(one) for one in standing]
    whole = sum(state == "holds" for state in states)
    adds_up = "all of it adds up" if whole == len(standing) else f"{whole} of {len(standing)} services add up"
    services = f"{len(standing)} of {len(found)} services"
    return f"{counted(trips, 'trip')} of {services}{money}; {adds_up}."


def _part(evidence: Evidence, zones: Mapping[int, str]) -> Part:
    service, state = evidence.service, state_of(evidence)
    if evidence.valid is None:
        return Part(service.name, service.title, state, absence(evidence), UNKNOWN, UNKNOWN)
    numbers = figures(evidence)
    return Part(
        service.name,
        service.title,
        state,
        _STATES[state],
        f"{evidence.valid:,}",
        next((one.value for one in numbers if one.name == PAID), NOT_PUBLISHED),
        compared(evidence),
        numbers,
        unpublished(service.name),
        tuple(pictures(evidence)),
        reconciliation(evidence),
        evidence.rule_set,
        _reasons(evidence),
        _zones(evidence, zones),
        _provenance(evidence),
        sorted(evidence.verdicts, key=lambda one: (one.passed, not one.serious)),
    )


def _links(month: date, reports: AbstractSet[date]) -> list[Mapping[str, str]]:
    links: list[Mapping[str, str]] = [{"href": places.TO_OVERVIEW, "text": "All months"}]
    links += [
        {"href": places.from_month(other), "text": month_in_words(other)}
        for other in places.neighbours(month)
        if other in reports
    ]
    return links


def _reasons(evidence: Evidence) -> list[Reason]:
    known = rules_for(evidence.service.name, evidence.rule_set) if evidence.rule_set in RULE_SETS else ()
    why = {rule.name: rule.why for rule in known}
    found = sorted(evidence.reasons.items(), key=lambda one: -one[1])
    return [Reason(name.replace("_", " "), rows, why.get(name, "")) for name, rows in found]


def _zones(evidence: Evidence, names: Mapping[int, str]) -> list[Zone]:
    counts = evidence.profile.zones if evidence.profile else None
    if not counts:
        return []
    whole = sum(counts.values())
    return [
        Zone(names.get(zone, f"zone {zone}"), trips, share_in_words(trips, whole))
        for zone, trips in counts.most_common(_ZONES)
    ]


def _provenance(evidence: Evidence) -> list[tuple[str, str]]:
    file = evidence.file
    size = f"{int(file['bytes']) / 1e6:,.1f} MB" if file.get("bytes") else ""
    digest = f"{file['sha256'][:_SHORT]}…" if file.get("sha256") else ""
    origin = "put there by a person" if file.get("origin") == "landing" else ""
    told = (
        ("File", file.get("file", "")),
        ("Taken from", file.get("url", "")),
        ("Last changed there", file.get("last_modified", "")),
        ("Size", size),
        ("sha256", digest),
        ("How it came", origin),
        ("Rule set", evidence.rule_set),
    )
    return [(name, text) for name, text in told if text]
