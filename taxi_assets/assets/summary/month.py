"""One month's summary: out of the lake's facts of the cleaned month, with the months before it beside it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from dagster import AssetObservation, MetadataValue

from taxi_assets.assets.common import trips_key
from taxi_assets.assets.content import PROFILE, PROVENANCE
from taxi_assets.assets.summary.columns import ARROW_SCHEMA, COLUMNS
from taxi_assets.assets.summary.frame import WrongSummary, arrow_table, typed_frame
from taxi_assets.assets.summary.lineage import column_lineage
from taxi_assets.plots import markdown_image, month_against_history, pickup_map, reasons, trips_by_day
from taxi_assets.plots.history import MONTHS_BEFORE
from taxi_assets.targets.lazy import HeldBack, LazyPartition
from taxi_assets.targets.target import Held, Target
from taxi_assets.tlc.profile import Profile
from taxi_assets.tlc.services import Service, month_key, months_before
from taxi_assets.tlc.summary import summary_row

if TYPE_CHECKING:
    import pandas as pd

CODE_VERSION = "1"
"""Part of every summary's version: raise it when the same profile would give another row or picture."""

PLOTS = "plots"
"""Metadata with all pictures: one entry, as Dagster's UI shows Markdown of this size at a click."""


@dataclass
class History:
    """The summaries of earlier months, each read once in a run.

    They are what the lake holds, not an upstream: a month must not wait for the one before it, or a backfill
    would be one long chain. So a month's picture shows what stood when it was made.
    """

    lake: Target
    table: str
    _rows: dict[date, Mapping[str, Any]] = field(default_factory=dict)

    def add(self, month: date, row: Mapping[str, Any]) -> None:
        """Remember a month that this run made."""
        self._rows[month] = row

    def before(self, month: date) -> list[Mapping[str, Any]]:
        """Rows of the months before, as far as a picture goes back and as far as they stand."""
        wanted, there = months_before(month, MONTHS_BEFORE), self._standing
        unread = [one for one in wanted if one in there and one not in self._rows]
        if unread:
            names = [column.name for column in COLUMNS]
            for row in self.lake.read(self.table, unread, names).read_all().to_pylist():
                self._rows[row["month"]] = row
        return [self._rows[one] for one in wanted if one in self._rows]

    @cached_property
    def _standing(self) -> set[date]:
        return {month for month in self.lake.partitions(self.table) if month}


@dataclass
class SummarizedMonth:
    """One month, looked up when its turn comes."""

    service: Service
    month: date
    lake: Target
    history: History

    def partition(self) -> LazyPartition:
        """The month as the IO manager stores it."""
        cleaned = self._cleaned
        if cleaned is None or PROFILE not in cleaned.facts:
            return LazyPartition(open=self._open, gate=self._say_what_is_missing)
        facts = {name: cleaned.facts[name] for name in PROVENANCE if name in cleaned.facts}
        version = f"{cleaned.version}-{CODE_VERSION}"
        return LazyPartition(
            open=self._open,
            facts={**facts, "code_version": CODE_VERSION, "version": version},
            rows=1,
            metadata=self._told,
            passed_over=self._passed_over,
            observed=self._observed,
            lineage=column_lineage(self.service),
        )

    @cached_property
    def _cleaned(self) -> Held | None:
        return self.lake.held(self.lake.table_name(trips_key("cleaned", self.service).path), self.month)

    @cached_property
    def _profile(self) -> Profile:
        return Profile.from_json(self._facts[PROFILE])

    @property
    def _facts(self) -> Mapping[str, str]:
        return self._cleaned.facts if self._cleaned else {}

    @cached_property
    def _row(self) -> Mapping[str, Any]:
        return summary_row(self.service, self.month, self._profile, int(self._facts["raw_rows"]))

    def _say_what_is_missing(self) -> None:
        name = trips_key("cleaned", self.service).to_user_string()
        what = "is not in the lake" if self._cleaned is None else "was cleaned before profiles were kept"
        raise HeldBack(f"{name} {month_key(self.month)} {what}: materialize {name} of that month again")

    @contextmanager
    def _open(self) -> Iterator[pa.Table]:
        try:
            frame = typed_frame(self._row)
        except WrongSummary as wrong:
            raise HeldBack(str(wrong)) from wrong
        yield arrow_table(frame)

    def _passed_over(self, earlier: Mapping[str, Any]) -> Mapping[str, Any]:
        """What was said of it before; said anew where Dagster has forgotten it."""
        return earlier if PLOTS in earlier else {**earlier, **self._told()}

    def _told(self) -> Mapping[str, Any]:
        """What a person wants to know: the pictures first, then every number of the row."""
        counts = {name: value for name, value in self._row.items() if isinstance(value, (int, float))}
        days = {name: value.isoformat() for name, value in self._row.items() if isinstance(value, date)}
        return {PLOTS: self._plots(), **counts, **days}

    def _plots(self) -> MetadataValue[str]:
        why = json.loads(self._facts.get("reasons", "{}"))
        pictures = (
            trips_by_day(self.service, self.month, self._profile),
            month_against_history(self.service, self.month, self._and_before()),
            reasons(why, self._row["raw_rows"]),
            pickup_map(self._profile.zones),
        )
        return MetadataValue.md(" ".join(map(markdown_image, pictures)))  # side by side where there is room

    def _and_before(self) -> "pd.DataFrame":
        rows = [*self.history.before(self.month), self._row]
        self.history.add(self.month, self._row)
        frame: pd.DataFrame = pa.Table.from_pylist(rows, schema=ARROW_SCHEMA).to_pandas()
        return frame

    def _observed(self, metadata: Mapping[str, Any]) -> list[AssetObservation]:
        """The pictures on the cleaned month too, where a person looks for them."""
        key = trips_key("cleaned", self.service)
        shown = {PLOTS: metadata[PLOTS]}
        return [AssetObservation(key, partition=month_key(self.month), metadata=shown)]
