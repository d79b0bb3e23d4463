"""``cleaned`` and ``quarantined``: valid rows and rejected rows, out of one pass over the raw file."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from dagster import (
    AssetExecutionContext,
    AssetIn,
    AssetKey,
    AssetOut,
    AssetsDefinition,
    Config,
    Output,
    TableColumn,
    multi_asset,
)
from pydantic import Field

from taxi_assets.assets.common import (
    HEAVY_POOL,
    OWNERS,
    definition_metadata,
    freshness,
    monthly,
    permanent_failures,
    trips_key,
)
from taxi_assets.assets.content import CODE_VERSION, PROFILE, PROVENANCE, content_version
from taxi_assets.assets.figures import figures
from taxi_assets.assets.lineage import lineage_of
from taxi_assets.assets.rejected import reasons_told, samples_told
from taxi_assets.settings import Settings
from taxi_assets.targets.file_io_manager import StoredFile
from taxi_assets.targets.lazy import LazyPartition, LazyPartitions
from taxi_assets.targets.target import Facts, Lineage
from taxi_assets.tlc.clean import Cleaning, clean
from taxi_assets.tlc.rules import RULE_SETS, Thresholds
from taxi_assets.tlc.services import Service, parse_month

_REASONS = TableColumn("reasons", "list<string>", "Every cleaning rule that the row breaks")


class CleaningConfig(Config):
    """Which rules a month is judged by; set it in the launchpad to try others."""

    rule_set: Literal["default", "course", "none"] = Field(
        "default", description=f"One of: {', '.join(RULE_SETS)}; see docs/cleaning-rules.md"
    )
    max_duration_hours: float = Field(Thresholds.max_duration_hours, description="Longest believable trip")
    max_distance_miles: float = Field(Thresholds.max_distance_miles, description="Longest believable trip")

    def thresholds(self) -> Thresholds:
        """The numbers in the rules."""
        return Thresholds(self.max_duration_hours, self.max_distance_miles)


def cleaned_assets(service: Service, settings: Settings) -> AssetsDefinition:
    """The two assets that part a service's valid rows from the rejected ones."""
    cleaned_key, quarantined_key = trips_key("cleaned", service), trips_key("quarantined", service)

    def out(description: str, key: AssetKey, *more: TableColumn) -> AssetOut:
        return AssetOut(
            key=key,
            description=description,
            io_manager_key="lake_io",
            group_name=service.name,
            owners=OWNERS,
            kinds={key.path[0], "parquet", "duckdb"},
            code_version=CODE_VERSION,
            freshness_policy=freshness(service) if key == cleaned_key else None,  # rejected rows may be none
            metadata=definition_metadata(service, *more),
        )

    @multi_asset(
        name=f"clean_{service.name}_trips",
        ins={"raw": AssetIn(trips_key("raw", service))},
        outs={
            "cleaned": out(f"{service.title} trips in the canonical schema, valid rows only.", cleaned_key),
            "quarantined": out(
                f"{service.title} trips that a cleaning rule rejects, each with all its reasons.",
                quarantined_key,
                _REASONS,
            ),
        },
        pool=HEAVY_POOL if service.heavy else None,
        **monthly(service, settings),
    )
    def cleaned(
        context: AssetExecutionContext, config: CleaningConfig, raw: Mapping[str, StoredFile]
    ) -> Iterator[Output[LazyPartitions]]:
        months = {key: Month(service, key, file, config) for key, file in raw.items()}
        quarantine = tuple(quarantined_key.path)
        valid = LazyPartitions(context.partition_keys, lambda key: months[key].cleaned(quarantine))
        yield Output(valid, "cleaned")
        # Every month was stored beside its cleaned rows; what follows only records it.
        rejected = LazyPartitions(context.partition_keys, lambda key: months[key].quarantined())
        yield Output(rejected, "quarantined")

    return cleaned


class Month:
    """One month's file and the rules for it, opened when its turn comes."""

    def __init__(self, service: Service, key: str, file: StoredFile, config: CleaningConfig) -> None:
        self._service, self._key, self._file, self._config = service, key, file, config
        self._cleaning: Cleaning | None = None
        self._facts = {
            **{name: file.facts[name] for name in PROVENANCE if name in file.facts},
            "rule_set": config.rule_set,
            "code_version": CODE_VERSION,
            "version": content_version(
                service, key, file.facts.get("sha256"), config.rule_set, config.thresholds()
            ),
        }

    def cleaned(self, quarantine: tuple[str, ...]) -> LazyPartition:
        """The valid rows, with the rejected ones beside them out of the same pass."""
        beside = LazyPartition(
            open=lambda: nullcontext(self._pass().quarantined()),
            facts=self._facts,
            outcome=self._outcome,
            metadata=self._reasons,
            lineage=self._lineage("quarantined"),
        )
        return LazyPartition(
            open=self._open_cleaned,
            facts=self._facts,
            outcome=lambda: {**self._outcome(), PROFILE: self._pass().profile().to_json()},
            metadata=self._counts,
            lineage=self._lineage("cleaned"),
            siblings={quarantine: beside},
        )

    def quarantined(self) -> LazyPartition:
        """The rejected rows alone: a pass of its own, if they are not stored already."""
        return LazyPartition(
            open=self._open_quarantined,
            facts=self._facts,
            outcome=self._outcome,
            metadata=self._reasons,
            lineage=self._lineage("quarantined"),
        )

    @contextmanager
    def _open_cleaned(self) -> Iterator[pa.RecordBatchReader]:
        scratch = tempfile.mkdtemp(dir=self._file.scratch(), prefix="clean-")
        try:
            with (
                permanent_failures(),
                self._file.open() as path,
                clean(
                    path,
                    self._service.name,
                    parse_month(self._key),
                    Path(scratch),
                    self._config.rule_set,
                    self._config.thresholds(),
                ) as self._cleaning,
            ):
                yield _permanent(self._cleaning.cleaned())
        finally:
            shutil.rmtree(scratch)

    @contextmanager
    def _open_quarantined(self) -> Iterator[pa.RecordBatchReader]:
        with self._open_cleaned() as rows:
            for _ in rows:
                pass
            yield self._pass().quarantined()

    def _pass(self) -> Cleaning:
        if self._cleaning is None:
            raise RuntimeError(f"{self._key} has not been read yet")
        return self._cleaning

    def _outcome(self) -> Facts:
        """What every store remembers of the pass, so that each can say what became of the published rows."""
        done = self._pass()
        reasons = {reason: count for reason, count in done.counts().items() if count}
        return {
            "raw_rows": str(done.rows),
            "quarantined_rows": str(done.rejected),
            "reasons": json.dumps(reasons),
        }

    def _counts(self) -> Mapping[str, Any]:
        done = self._pass()
        return {
            "raw_rows": done.rows,
            "quarantined_rows": done.rejected,
            "quarantined_share": round(done.rejected / max(done.rows, 1), 6),
            **figures(self._service, parse_month(self._key), done.profile()),
        }

    def _lineage(self, stage: str) -> Lineage:
        return lineage_of(stage, self._service, self._key, self._file.facts.get("file", ""))

    def _reasons(self) -> Mapping[str, Any]:
        done = self._pass()
        told = reasons_told(done.rules, done.counts(), done.rows)
        return {**told, **samples_told(self._service.name, done.samples.found)}


def _permanent(rows: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """The same stream, whose errors that a retry can't help say so."""

    def batches() -> Iterator[pa.RecordBatch]:
        with permanent_failures():
            yield from rows

    return pa.RecordBatchReader.from_batches(rows.schema, batches())
