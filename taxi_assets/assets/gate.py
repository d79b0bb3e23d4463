"""The gate before the targets: a month unlike its neighbours waits until a person lets it through.

It stands in two places. The check ``like_its_neighbours`` on ``cleaned`` shows the verdict and, in a run
of one month, stops what is downstream. The targets ask as well, before they store a month: so in a run of
many the odd one alone is held back, and a target that is loaded by itself - by a person, by automation,
by recovery - can't be a way round.

A month is let through by naming it in the run's config, ``resources: gate: config: accept: ["2024-05"]``. The
check's record then says so, for that version of the month, and later loads of the same version pass.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from datetime import date

from dagster import AssetCheckKey, ConfigurableResource, DagsterInstance
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
)
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecordStatus as Status,
)
from pydantic import Field, field_validator

from taxi_assets.assets.common import trips_key
from taxi_assets.assets.neighbours import Size, neighbours_of, uneven, unlike_neighbours
from taxi_assets.setting_values import check_month
from taxi_assets.targets.lazy import HeldBack
from taxi_assets.targets.target import Held, Target
from taxi_assets.tlc.published import published_rows
from taxi_assets.tlc.services import Service, month_key
from taxi_assets.verdicts import JUDGED as JUDGED_AT_ALL
from taxi_assets.verdicts import verdicts

CHECK = "like_its_neighbours"

JUDGED = "judged_version"
"""Metadata of the check's record: the content that was found unlike its neighbours."""

ACCEPTED = "accepted_version"
"""Metadata of the check's record by which a person's word is remembered."""

_REMEMBERED = 50  # records of one month looked through: each is a run that judged it


class Gate(ConfigurableResource):  # type: ignore[type-arg]
    """How unlike its neighbours a month may be, and which months a person has let through."""

    max_rows_factor: float = Field(
        3.0, description="How many times more or fewer rows than each neighbour are believed"
    )
    max_quarantine_share: float = Field(0.05, description="Share of rejected rows that is believed")
    accept: list[str] = Field(
        default=[], description="Months, like 2024-05, that you have looked at and let through"
    )

    @field_validator("accept")
    @classmethod
    def _months(cls, accept: list[str]) -> list[str]:
        for key in accept:
            if problem := check_month(key):
                raise ValueError(f"gate: accept: {key!r}: {problem}")
        return accept

    def at(self, service: Service, lake: Target, instance: DagsterInstance) -> "Judge":
        """The gate of one service, over what its lake holds."""
        return Judge(self, service, lake, instance)


@dataclass(frozen=True)
class Judgement:
    """What is unlike about a month, and whether it may pass all the same.

    Attributes:
        unlike: In words, empty if the month is like its neighbours.
        accepted: Who let it through: ``''`` for nobody.
        version: The content that was judged.
        rows: Published rows of the month; None if nothing was judged.
        rejected_share: Share of them that were rejected.
        around: Published rows of the months around it that it was compared with.
    """

    unlike: tuple[str, ...]
    accepted: str
    version: str
    rows: int | None = None
    rejected_share: float = 0.0
    around: tuple[int, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether the month may go on to the targets."""
        return not self.unlike or bool(self.accepted)


@dataclass
class Judge:
    """The gate of one service; what it has looked up once it knows, as neighbours share their neighbours."""

    gate: Gate
    service: Service
    lake: Target
    instance: DagsterInstance
    _sizes: dict[date, tuple[Size, Held] | None] = field(default_factory=dict)

    def judge(self, month: date) -> Judgement:
        """Judge a cleaned month by what the lake holds of it and of the months around it.

        A month whose rows are as many as others counted in the published file is not judged by their
        number, and one that was cleaned by another than the default rules not at all: somebody chose those.
        """
        judged = self._size(month)
        if judged is None or judged[1].facts.get("rule_set", "default") != "default":
            return Judgement((), "", "")
        size, held = judged
        version = held.version or ""
        around = {one: found[0] for one in neighbours_of(month) if (found := self._size(one))}
        if uneven([size, *around.values()], self.gate.max_rows_factor, self.gate.max_quarantine_share):
            around = {one: other for one, other in around.items() if not self._waits(one)}
        unlike = unlike_neighbours(
            size,
            around,
            self.gate.max_rows_factor,
            self.gate.max_quarantine_share,
            compare_rows=not self._is_as_counted(month, size.raw),
        )
        accepted = self._accepted(month, version) if unlike else ""
        rows_around = tuple(other.raw for other in around.values())
        return Judgement(tuple(unlike), accepted, version, size.raw, size.share, rows_around)

    def ask(self, month: date) -> None:
        """Let a month pass, or hold it back.

        Raises:
            HeldBack: It is unlike its neighbours, and nobody has let it through.
        """
        judged = self.judge(month)
        if not judged.passes:
            raise HeldBack("; ".join(judged.unlike))

    def _accepted(self, month: date, version: str) -> str:
        key = month_key(month)
        if key in self.gate.accept:
            return "this run's config"
        for record in self._records(month, {Status.SUCCEEDED}, _REMEMBERED):
            if version and _told(record, ACCEPTED) == version:
                return f"the run {record.run_id[:8]}"
        return ""

    def _is_as_counted(self, month: date, rows: int) -> bool:
        known = published_rows(self.service.name, month)
        return known is not None and known.rows == rows

    def _waits(self, month: date) -> bool:
        """Whether a month was held back as it stands: what is odd itself is no measure for others."""
        found = self._size(month)
        newest = self._records(month, JUDGED_AT_ALL, 1)
        return bool(found and newest and _told(newest[0], JUDGED) == found[1].version)

    def _records(self, month: date, status: Set[Status], limit: int) -> Sequence[AssetCheckExecutionRecord]:
        """Verdicts on a month, newest first."""
        key = AssetCheckKey(trips_key("cleaned", self.service), CHECK)
        return verdicts(self.instance, key, month_key(month), status, limit)

    def _size(self, month: date) -> tuple[Size, Held] | None:
        if month not in self._sizes:
            self._sizes[month] = self._looked_up(month)
        return self._sizes[month]

    def _looked_up(self, month: date) -> tuple[Size, Held] | None:
        cleaned, quarantined = (
            self.lake.held(self.lake.table_name(trips_key(stage, self.service).path), month)
            for stage in ("cleaned", "quarantined")
        )
        if cleaned is None or quarantined is None:
            return None
        return Size(cleaned.rows + quarantined.rows, quarantined.rows), cleaned


def _told(record: AssetCheckExecutionRecord, name: str) -> object:
    """A value of a verdict's metadata, or None."""
    evaluation = record.evaluation
    found = evaluation.metadata.get(name) if evaluation else None
    return found.value if found is not None else None
