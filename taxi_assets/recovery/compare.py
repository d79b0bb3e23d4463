"""The comparison itself: every store is asked for every table, and Dagster's records are held beside it.

A load that goes on meanwhile must not look like a loss. Months that a run is at are left out, before and
after the stores are asked, and so are months that were recorded in between: the next comparison looks at
them.

Targets that the gate keeps from following their cleaned month are behind it on purpose: such a month is told
of, as one that waits, and is no difference.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from dagster import DagsterInstance

from taxi_assets.assets.common import monthly_partitions, trips_key
from taxi_assets.assets.gate import Judge
from taxi_assets.recovery.believed import Record, believed, under_way
from taxi_assets.recovery.difference import Comparison, Difference, Kind, Waiting
from taxi_assets.recovery.faults import Fault, Side, Sides, faults_of
from taxi_assets.recovery.standing import IN_THE_LAKE, lost_directory, stages_of, standing
from taxi_assets.setting_secrets import masked, secrets_of
from taxi_assets.setting_values import TARGET_NAMES
from taxi_assets.settings import Settings
from taxi_assets.targets.target import Held
from taxi_assets.tlc.services import SERVICES, Service, ServiceName, month_key, parse_month
from taxi_assets.words import error_line

Months: TypeAlias = Mapping[str, tuple[Sides, Mapping[str, Fault]]]
"""Months of a service with which something is wrong: how their stages are, and what is wrong."""

_LATE = (Kind.MISSING, Kind.LOST, Kind.OTHER_VERSION)
"""What the gate makes of a target that it holds back; it takes no row from what stands."""

_URGENCY = {kind: number for number, kind in enumerate(Kind)}


@dataclass
class Answers:
    """What the stores answered, by service and stage, and why a table could not be asked."""

    answers: dict[ServiceName, dict[str, dict[str, Held]]] = field(default_factory=dict)
    unanswered: dict[str, str] = field(default_factory=dict)


def ask(stores: Mapping[str, Any], settings: Settings) -> Answers:
    """Ask for every table; one that does not answer costs the others nothing."""
    asked = Answers()
    for service in SERVICES.values():
        answers = asked.answers.setdefault(service.name, {})
        for stage in stages_of(settings):
            try:
                held = standing(stores, service, stage)
            except Exception as error:  # noqa: BLE001, RUF100 - whatever it is, it is told of as a finding
                asked.unanswered[f"{service.name}/{stage}"] = _why(error, settings)
                continue
            answers[stage] = {month_key(when): one for when, one in held.items() if when.day == 1}
    return asked


def compare(instance: DagsterInstance, stores: Mapping[str, Any], settings: Settings) -> Comparison:
    """Compare every month of every table of every service.

    Args:
        instance: Whose records.
        stores: Resources by their keys.
        settings: Which targets are on, and where the lake is.
    """
    started = time.time()
    before = under_way(instance)
    asked = ask(stores, settings)
    after = under_way(instance)
    missing = lost_directory(settings.lake_url)
    differences: list[Difference] = []
    waiting: list[Waiting] = []
    busy: dict[str, frozenset[str]] = {}
    months = 0
    for service in SERVICES.values():
        records = {
            stage: believed(instance, trips_key(stage, service)) for stage in asked.answers[service.name]
        }
        if missing:
            _distrust(asked, service, records, missing)
        recorded_now = {
            month for stage in records.values() for month, one in stage.items() if one.at >= started
        }
        busy[service.name] = (
            before.get(service.name, frozenset()) | after.get(service.name, frozenset()) | recorded_now
        )
        answers = asked.answers[service.name]
        months += sum(len(held.keys() | records[stage].keys()) for stage, held in answers.items())
        faults = _of_service(service, answers, records, busy[service.name])
        judge = stores["gate"].at(service, stores["lake"], instance)
        try:
            held_back = _held_back(judge, faults)
        except Exception as error:  # noqa: BLE001, RUF100 - the gate asks the lake, which may have gone since
            asked.unanswered[f"{service.name}/cleaned"] = _why(error, settings)
            held_back = {}
        waiting += held_back.values()
        differences += _differences(service, faults, held_back)
    differences.sort(key=_urgency)
    at_work = {name: keys for name, keys in busy.items() if keys}
    return Comparison(differences, asked.unanswered, at_work, months, waiting, asked.answers)


def _of_service(
    service: Service,
    answers: Mapping[str, Mapping[str, Held]],
    records: Mapping[str, Mapping[str, Record]],
    busy: frozenset[str],
) -> Months:
    found: dict[str, tuple[Sides, dict[str, Fault]]] = {}
    for month in monthly_partitions(service).get_partition_keys():
        if month in busy:
            continue
        sides = {stage: Side(held.get(month), records[stage].get(month)) for stage, held in answers.items()}
        if faults := faults_of(sides):
            found[month] = sides, faults
    return found


def _held_back(judge: Judge, months: Months) -> dict[str, Waiting]:
    """Months whose targets stay behind because the gate lets nothing through; it is asked for no others."""
    found = {}
    for month, (sides, faults) in months.items():
        late = [stage for stage, (kind, _) in faults.items() if stage in TARGET_NAMES and kind in _LATE]
        cleaned = faults.get("cleaned")
        if not late or "cleaned" not in sides or (cleaned and cleaned[0] != Kind.UNRECORDED):
            continue
        judged = judge.judge(parse_month(month))
        if not judged.passes:
            words = f"{'; '.join(judged.unlike)}. Behind cleaned: {', '.join(late)}"
            found[month] = Waiting(judge.service.name, month, words)
    return found


def _differences(service: Service, months: Months, held_back: Mapping[str, Waiting]) -> Iterator[Difference]:
    for month, (sides, faults) in months.items():
        for stage, (kind, said) in faults.items():
            if not (month in held_back and stage in TARGET_NAMES and kind in _LATE):
                landed = stage == "raw" and sides[stage].landed
                yield Difference(service.name, stage, month, kind, said, landed)


def _distrust(
    asked: Answers, service: Service, records: Mapping[str, Mapping[str, Record]], directory: str
) -> None:
    """Take back the answers of a lake whose directory is gone, where it should hold something."""
    for stage in IN_THE_LAKE:
        if records.get(stage):
            del asked.answers[service.name][stage]
            asked.unanswered[f"{service.name}/{stage}"] = (
                f"{directory} is not there: mount it, or make the empty directory to load everything again"
            )


def _urgency(difference: Difference) -> tuple[int, int, str, str]:
    # What others are made from comes first: "quarantined" and the targets follow in the order of their names.
    upstream = {"raw": 0, "cleaned": 1, "quarantined": 2}.get(difference.stage, 3)
    return _URGENCY[difference.kind], upstream, difference.service, f"{difference.stage} {difference.month}"


def _why(error: Exception, settings: Settings) -> str:
    """What a store said, in a line without passwords."""
    return masked(error_line(error), secrets_of(settings))
