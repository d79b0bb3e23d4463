"""Where a report's evidence is gathered: the lake, and Dagster's records. Nothing is counted anew.

Of the lake, facts and profiles; of the targets, what the newest load and the newest proof of each month said.
So a report costs a look at the lake and a few queries of the history, and a Postgres that is away, or a
BigQuery that costs money, is not asked at all. The page says of when each number is.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias

from dagster import AssetCheckKey, AssetCheckSeverity, DagsterInstance

from taxi_assets.assets.common import trips_key
from taxi_assets.assets.content import PROFILE, PROVENANCE
from taxi_assets.automation.records import held_back
from taxi_assets.plots.history import MONTHS_BEFORE
from taxi_assets.recovery.believed import Record, believed
from taxi_assets.reports.evidence import Copy, Evidence, Numbers, Verdict
from taxi_assets.targets.files import FileStore
from taxi_assets.targets.target import Held, Target
from taxi_assets.tlc.profile import Profile
from taxi_assets.tlc.services import Service, month_key, months_before
from taxi_assets.verdicts import verdicts

_OF_THE_FILE = (*PROVENANCE, "bytes", "origin")

Months: TypeAlias = dict[date, Held]


@dataclass
class Archive:
    """Who is asked; each table once for all months of a run.

    Attributes:
        lake: Where the cleaned and the quarantined months stand.
        files: Where the published files stand.
        instance: Whose records.
        targets: Names of the targets that are switched on.
        checks: Every check of the code location.
    """

    lake: Target
    files: FileStore
    instance: DagsterInstance
    targets: Sequence[str]
    checks: Sequence[AssetCheckKey]
    _answers: dict[tuple[str, str], Months] = field(default_factory=dict, init=False, repr=False)
    _beliefs: dict[tuple[str, str], dict[str, Record]] = field(default_factory=dict, init=False, repr=False)
    _profiles: dict[tuple[str, date], Profile] = field(default_factory=dict, init=False, repr=False)

    def of(self, service: Service, month: date, *, history: bool = True) -> Evidence:
        """What is known of a month; of one that is not there, only that.

        Args:
            service: Whose month.
            month: Its first day.
            history: The months before it too.
        """
        file = self.files.facts("/".join(trips_key("raw", service).path), month) or {}
        known = {name: file[name] for name in _OF_THE_FILE if file.get(name)}
        cleaned = self.held("cleaned", service).get(month)
        if cleaned is None:
            return Evidence(service, month, known, copies=tuple(map(Copy, self.targets)))
        facts, rejected = cleaned.facts, self.held("quarantined", service).get(month)
        return Evidence(
            service,
            month,
            known,
            int(facts["raw_rows"]) if "raw_rows" in facts else None,
            cleaned.rows,
            rejected.rows if rejected else None,
            cleaned.version,
            facts.get("rule_set", "default"),
            json.loads(facts.get("reasons", "{}")),
            self.profile(service, month),
            self.history(service, month) if history else (),
            self.copies(service, month),
            self.verdicts(service, month),
            held_back(self.instance, service, month_key(month)),
        )

    def held(self, stage: str, service: Service) -> Months:
        """Every month of a table of the lake."""
        asked = (stage, service.name)
        if asked not in self._answers:
            table = self.lake.table_name(trips_key(stage, service).path)
            self._answers[asked] = {when: one for when, one in self.lake.partitions(table).items() if when}
        return self._answers[asked]

    def profile(self, service: Service, month: date) -> Profile | None:
        """What was counted of a month, read once: it is in the history of the two years that follow."""
        cleaned = self.held("cleaned", service).get(month)
        if cleaned is None or PROFILE not in cleaned.facts:
            return None
        asked = (service.name, month)
        if asked not in self._profiles:
            self._profiles[asked] = Profile.from_json(cleaned.facts[PROFILE])
        return self._profiles[asked]

    def recorded(self, stage: str, service: Service) -> dict[str, Record]:
        """The newest record of every month of an asset."""
        asked = (stage, service.name)
        if asked not in self._beliefs:
            self._beliefs[asked] = believed(self.instance, trips_key(stage, service))
        return self._beliefs[asked]

    def history(self, service: Service, month: date) -> tuple[Numbers, ...]:
        """The month and those of the two years before it that are known, oldest first."""
        months = [*months_before(month, MONTHS_BEFORE), month]
        found = [self.numbers(service, one) for one in months]
        return tuple(one for one in found if one)

    def numbers(self, service: Service, month: date) -> Numbers | None:
        """A month in a few numbers, or None where there is none."""
        cleaned = self.held("cleaned", service).get(month)
        if cleaned is None:
            return None
        quarantined = self.held("quarantined", service).get(month)
        rejected = quarantined.rows if quarantined else 0
        profile, name = self.profile(service, month), service.name
        if profile is None:
            return Numbers(month, cleaned.rows, rejected)
        measured = (profile.revenue(name), profile.tips(name), profile.miles(name), profile.hours)
        return Numbers(month, cleaned.rows, rejected, *measured)

    def copies(self, service: Service, month: date) -> tuple[Copy, ...]:
        """The month in each target, as of its newest load."""
        found = []
        for target in self.targets:
            record = self.recorded(target, service).get(month_key(month))
            known = (record.rows, record.facts.get("version"), record.at) if record else ()
            found.append(Copy(target, *known))
        return tuple(found)

    def verdicts(self, service: Service, month: date) -> tuple[Verdict, ...]:
        """What every check said of the month as it stands; what was said of an earlier one is left out."""
        found = []
        for key in self.checks:
            if key.asset_key.path[-1] != f"{service.name}_trips":
                continue
            stage = key.asset_key.path[0]
            record = self.recorded(stage, service).get(month_key(month))
            newest = newest_verdict(self.instance, key, month_key(month))
            if newest and (record is None or newest.at >= record.at):
                found.append(newest)
        return tuple(found)


def newest_verdict(instance: DagsterInstance, key: AssetCheckKey, partition: str | None) -> Verdict | None:
    """The newest evaluation of a check; of one month, or of one that is of no month."""
    records = verdicts(instance, key, partition)
    evaluation = records[0].evaluation if records else None
    if evaluation is None:
        return None
    serious = evaluation.severity == AssetCheckSeverity.ERROR
    return Verdict(
        key.asset_key.path[0],
        key.name,
        evaluation.passed,
        serious,
        evaluation.description or "",
        records[0].event.timestamp if records[0].event else 0.0,  # the record itself is as old as the run
    )
