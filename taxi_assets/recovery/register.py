"""``taxi-assets register``: tells Dagster of the months that stand in the stores and that it does not know.

For the day on which Dagster's own storage is lost, or starts anew: the data is there, the history is not.
Nothing is loaded; the runs, their logs and what they cost stay lost.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from dagster import AssetMaterialization, DagsterInstance
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from taxi_assets.assets.common import monthly_partitions, trips_key
from taxi_assets.assets.content import PROFILE
from taxi_assets.assets.figures import figures
from taxi_assets.assets.lineage import lineage_of
from taxi_assets.assets.published_columns import stored_columns
from taxi_assets.assets.rejected import reasons_told
from taxi_assets.instance import open_instance
from taxi_assets.recovery.believed import believed, under_way
from taxi_assets.recovery.compare import Answers, ask
from taxi_assets.recovery.standing import UNCOUNTED, stages_of, store_of
from taxi_assets.resources import build_resources
from taxi_assets.settings import Settings
from taxi_assets.targets.file_io_manager import told_of_file
from taxi_assets.targets.journal import OWN_FACTS
from taxi_assets.targets.metadata import described, facts_shown, traced
from taxi_assets.targets.target import Held
from taxi_assets.tlc.profile import Profile
from taxi_assets.tlc.rules import RULE_SETS, rules_for
from taxi_assets.tlc.services import SERVICES, Service, month_key, parse_month

_COUNTED_STAGES = ("cleaned", "quarantined")
_COUNTS = ("raw_rows", "quarantined_rows")

TAG = "taxi_assets/registered"
"""On a materialization that no run made; its value is the day."""


@dataclass(frozen=True)
class Registered:
    """What became of one table.

    Attributes:
        service: Whose trips.
        stage: First part of the asset's key.
        standing: Months that the store holds.
        new: Those of them that Dagster is told of now.
    """

    service: str
    stage: str
    standing: int
    new: int


def run_register(settings: Settings, console: Console) -> int:
    """Register what stands, and print how much it was.

    Returns:
        Exit status: 0 if every store answered.
    """
    stores = build_resources(settings, conceal=False)
    asked = ask(stores, settings)
    with open_instance(settings) as instance:
        done = list(register(instance, stores, settings, asked))
    summary = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for heading in ("service", "asset"):
        summary.add_column(heading, no_wrap=True)
    for heading in ("months", "known before", "registered"):
        summary.add_column(heading, justify="right", no_wrap=True)
    for one in done:
        if one.standing:
            cells = (one.standing, one.standing - one.new, one.new)
            summary.add_row(one.service, one.stage, *(f"{cell:,}" for cell in cells))
    console.print(summary)
    console.print(f"{sum(one.new for one in done):,} months registered")
    for table, why in asked.unanswered.items():
        console.print(f"{table} could not be asked: {why}", markup=False, highlight=False, soft_wrap=True)
    return 1 if asked.unanswered else 0


def register(
    instance: DagsterInstance, stores: Mapping[str, Any], settings: Settings, asked: Answers
) -> Iterator[Registered]:
    """Report every standing month that has no record, upstream before what was made of it.

    Args:
        instance: Who is told.
        stores: Resources by their keys.
        settings: Which targets are on.
        asked: What the stores answered.
    """
    busy = under_way(instance)  # a run at work tells of its months itself
    for service in SERVICES.values():
        answers = asked.answers[service.name]
        real = set(monthly_partitions(service).get_partition_keys()) - busy.get(service.name, frozenset())
        for stage in stages_of(settings):
            held = {month: one for month, one in answers.get(stage, {}).items() if month in real}
            known = believed(instance, trips_key(stage, service))
            new = [month for month in sorted(held) if month not in known]
            for month in new:
                metadata = {
                    **_told(stores, service, stage, parse_month(month), held[month]),
                    **_quarantined(stage, month, answers),
                    **_reasons(stage, service, month, answers),
                }
                instance.report_runless_asset_event(_materialization(service, stage, month, metadata))
            yield Registered(service.name, stage, len(held), len(new))


def _materialization(
    service: Service, stage: str, month: str, metadata: Mapping[str, Any]
) -> AssetMaterialization:
    return AssetMaterialization(
        trips_key(stage, service),
        partition=month,
        description="Stood in the store and was not known: told by taxi-assets register, loaded by no run.",
        metadata=metadata,
        tags={TAG: datetime.now(UTC).date().isoformat()},
    )


def _told(
    stores: Mapping[str, Any], service: Service, stage: str, when: date, held: Held
) -> Mapping[str, Any]:
    """The metadata that a run would have told, without what it cost."""
    store, key = stores[store_of(stage)], trips_key(stage, service).path
    facts = {name: value for name, value in held.facts.items() if name not in OWN_FACTS}
    if stage == "raw":
        return {
            **told_of_file(store, "/".join(key), when, held.facts),
            **stored_columns(service, when, held.facts),
            "status": "registered",
        }
    if stage in _COUNTED_STAGES:  # told as numbers, by ``_quarantined``
        facts = {name: value for name, value in facts.items() if name not in _COUNTS}
    profile = facts.get(PROFILE) if stage == "cleaned" else None
    return {
        **described(store, key, held.rows, when),
        **(figures(service, when, Profile.from_json(profile)) if profile else {}),
        **traced(lineage_of(stage, service, month_key(when), held.facts.get("file", ""))),
        "status": "registered",
        **facts_shown(facts),
    }


def _reasons(
    stage: str, service: Service, month: str, answers: Mapping[str, Mapping[str, Held]]
) -> Mapping[str, Any]:
    """How many rows were rejected for which reason; which ones they are a run shows, and no fact keeps."""
    facts = answers[stage][month].facts
    if stage != "quarantined" or "reasons" not in facts or facts.get("rule_set") not in RULE_SETS:
        return {}
    rules = rules_for(service.name, facts["rule_set"])
    return reasons_told(rules, json.loads(facts["reasons"]), int(facts.get("raw_rows", 0)))


def _quarantined(stage: str, month: str, answers: Mapping[str, Mapping[str, Held]]) -> Mapping[str, Any]:
    """What a cleaned month tells of its rejected rows: the UI plots it over all months."""
    raw, rejected = (answers.get(one, {}).get(month) for one in ("raw", "quarantined"))
    if stage != "cleaned" or rejected is None:
        return {}
    rows = answers["cleaned"][month].rows + rejected.rows
    if raw is not None and raw.rows not in (UNCOUNTED, rows):
        return {}  # does not add up: that is for the comparison to tell
    return {
        "raw_rows": rows,
        "quarantined_rows": rejected.rows,
        "quarantined_share": round(rejected.rows / max(rows, 1), 6),
    }
