"""What the newest comparison of the stores found, as far as nobody has put it right or told of it since."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from taxi_assets.health.facts import Facts
from taxi_assets.health.finding import Finding, Urgency, asset_of
from taxi_assets.recovery.difference import Kind
from taxi_assets.setting_values import TARGET_NAMES
from taxi_assets.tlc.services import ServiceName
from taxi_assets.words import listed

OLD = timedelta(hours=36)
"""Age at which a nightly comparison has been left out once."""


def compared_findings(facts: Facts) -> Iterator[Finding]:
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
    months: dict[tuple[Kind, str, ServiceName], set[str]] = defaultdict(set)
    for one in compared:
        service = facts.services.get(one.service)
        if one.kind not in _WRONG or service is None or one.month in service.quiet(one.stage):
            continue
        if one.stage in TARGET_NAMES and one.stage not in facts.targets:
            continue  # switched off since
        record = service.of(one.stage).get(one.month)
        told = one.kind == Kind.OTHER_VERSION and one.month in service.stale(one.stage)
        if not told and (record is None or record.at <= at):
            months[one.kind, one.stage, one.service].add(one.month)
    for (kind, stage, name), found in months.items():
        known = kind == Kind.UNRECORDED
        yield Finding(
            Urgency.LOOK if known else Urgency.URGENT,
            asset_of(stage, facts.services[name].service),
            frozenset(found),
            _WRONG[kind],
            "Run `taxi-assets register`."
            if known
            else "The sensor heal loads it again; if not, materialize it.",
        )
