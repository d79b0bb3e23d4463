"""The one IO manager over every target: partition by partition, atomic, in bounded memory.

An output may be one value (anything that exports an Arrow stream) or a mapping of lazy partitions. In a run
over many partitions each one is stored and its materialization recorded before the next is opened, so
that a failure in the eleventh keeps ten, in the store and in Dagster; the re-run passes over those whose
version is already stored.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import date
from typing import Any

import pyarrow as pa
from dagster import (
    AssetKey,
    ConfigurableIOManager,
    DagsterEvent,
    Failure,
    InputContext,
    OutputContext,
)

from taxi_assets.targets.failures import refusals
from taxi_assets.targets.inputs import load_as, wants_partitions
from taxi_assets.targets.journal import Journal, Recorder, recording
from taxi_assets.targets.lazy import ArrowStream, Guarded, HeldBack, LazyPartition, LazyPartitions
from taxi_assets.targets.metadata import (
    described,
    earlier_metadata,
    facts_shown,
    log_every,
    observe,
    record,
    recorded,
    reported,
    traced,
)
from taxi_assets.targets.partitions import partition_date
from taxi_assets.targets.preview import PREVIEW_ROWS, preview
from taxi_assets.targets.replacing import Replacement
from taxi_assets.targets.stored_partition import stored_partition
from taxi_assets.targets.target import Held, Report, Target
from taxi_assets.targets.wanted import require_standing

PROGRESS_SECONDS = 10.0
"""How often a long load says in the run's log how far it is."""


class TargetIOManager(ConfigurableIOManager):
    """Stores assets in a ``Target`` and loads them from it.

    Attributes:
        target: The store.
        pass_over_current: Leave a partition alone whose stored version and row count are those of
            the output. Set to false in the launchpad to load a partition again regardless.
        preview_rows: How many of the first rows the UI is shown; 0 for data that must not be seen there.
        journal: Where every replace is entered; None keeps no journal.
    """

    target: Target
    pass_over_current: bool = True
    preview_rows: int = PREVIEW_ROWS
    journal: Journal | None = None

    def handle_output(self, context: OutputContext, obj: object) -> Iterator[DagsterEvent]:  # type: ignore[override]
        """Replace every partition of the output; those that are held back are told of when the others stand.

        Raises:
            Failure: The target refuses the rows, or a partition was held back; a retry can't help.
        """
        if obj is None:
            return
        keys = context.asset_partition_keys if context.has_asset_partitions else [None]
        name, held_back = context.asset_key.to_user_string(), []
        with recording(self.journal, context, self.target) as recorder:
            for number, key in enumerate(keys, start=1):
                partition = self._partition(context, obj, key)
                try:
                    yield from self._stored_and_told(context, recorder, key, partition, len(keys) > 1)
                except HeldBack as reason:
                    held_back.append(f"{key}: {reason}")
                    context.log.warning(f"{name} {key} is held back: {reason}")
                    continue
                if len(keys) > 1:
                    context.log.info(f"{name} {key}: {number} of {len(keys)} done")
        if held_back:
            raise Failure(f"{name} holds back " + ". ".join(held_back), allow_retries=False)

    def load_input(self, context: InputContext) -> object:
        """Load what the asset's annotation asks for, see ``inputs.py``."""
        keys = context.asset_partition_keys if context.has_asset_partitions else None
        table = self.target.table_name(context.asset_key.path)
        if keys is not None and wants_partitions(context):
            return LazyPartitions(keys, lambda key: stored_partition(context, self.target, table, key))
        dates = None if keys is None else [partition_date(context, key) for key in keys]
        return load_as(context, self.target, table, dates)

    def _partition(self, context: OutputContext, obj: object, key: str | None) -> LazyPartition:
        obj = obj[key] if isinstance(obj, Mapping) and key in obj else obj
        if isinstance(obj, LazyPartition):
            return obj
        name = context.asset_key.to_user_string()
        many = key is not None and len(context.asset_partition_keys) > 1
        if many or not isinstance(obj, ArrowStream):
            wanted = (
                "a mapping of partition key to LazyPartition" if many else "anything with an Arrow stream"
            )
            raise Failure(
                f"{name} returned {type(obj).__name__}; this run needs {wanted}. "
                "Arrow streams come from pyarrow, pandas, Polars, DuckDB relations and LazyPartition.",
                allow_retries=False,
            )
        return LazyPartition(open=lambda: nullcontext(obj))

    def _stored_and_told(
        self,
        context: OutputContext,
        recorder: Recorder,
        key: str | None,
        partition: LazyPartition,
        at_once: bool,
    ) -> Iterator[DagsterEvent]:
        for path, metadata in self._store(context, recorder, key, partition):
            asset_key = AssetKey(path)
            yield from record(context, asset_key, key, metadata, at_once=at_once)
            if asset_key == context.asset_key:
                yield from observe(context, partition.observed(metadata))

    def _store(
        self, context: OutputContext, recorder: Recorder, key: str | None, partition: LazyPartition
    ) -> Iterator[tuple[Sequence[str], Mapping[str, Any]]]:
        """Store a partition and its siblings; yields asset key path and metadata of each."""
        require_standing(context)
        path = tuple(context.asset_key.path)
        when = partition_date(context, key) if key is not None else None
        parts = {path: partition, **partition.siblings}
        held = {name: self._held(name, when, part, recorder) for name, part in parts.items()}
        for name, standing in held.items():
            if standing is not None:
                recorder.complete(name, when, standing.rows, standing.facts)
        if all(self._is_current(context, held[name], part) for name, part in parts.items()):
            yield from self._pass_over(context, key, when, held, parts)
            return
        partition.gate()
        replacement = Replacement(self.target, recorder, when)
        progress = log_every(PROGRESS_SECONDS, context.log, f"{'/'.join(path)} {key or ''}".strip())
        loaded = replacement.from_objects(path, partition, held[path], self.preview_rows)
        if loaded is not None:
            context.log.info(f"{'/'.join(path)} {key or ''}: loaded by the store itself, from objects")
            yield path, self._told(path, when, loaded[0], partition, loaded[1])
            return
        column = (self.target.partition_column, when) if when else None

        def put(name: tuple[str, ...], part: LazyPartition, rows: ArrowStream) -> Mapping[str, Any]:
            guarded = Guarded(rows, progress, column, self.preview_rows)
            report = replacement.from_stream(name, part, held[name], guarded)
            return self._told(name, when, report, part, guarded.head.rows)

        with partition.open() as rows:
            yield path, put(path, partition, rows)
            for name, sibling in partition.siblings.items():
                with sibling.open() as others:
                    told = put(name, sibling, others)
                yield name, told

    def _pass_over(
        self,
        context: OutputContext,
        key: str | None,
        when: date | None,
        held: Mapping[tuple[str, ...], Held | None],
        parts: Mapping[tuple[str, ...], LazyPartition],
    ) -> Iterator[tuple[Sequence[str], Mapping[str, Any]]]:
        for name, current in held.items():
            if current is None or recorded(context, AssetKey(name), key):
                continue  # stored moments ago, as a sibling: what was said of it stands
            context.log.info(f"{'/'.join(name)} {when or ''} is current: nothing to do")
            yield (
                name,
                {
                    **parts[name].passed_over(earlier_metadata(context, AssetKey(name), key)),
                    **described(self.target, name, current.rows, when),
                    **traced(parts[name].lineage),
                    "status": "already current",
                },
            )

    def _told(
        self,
        path: Sequence[str],
        when: date | None,
        report: Report,
        partition: LazyPartition,
        head: pa.Table | None = None,
    ) -> Mapping[str, Any]:
        """What the UI shows of a stored partition: what it is first, then what it cost, then its origin."""
        return {
            **described(self.target, path, report.rows, when),
            **partition.metadata(),
            **({"preview": preview(head)} if head is not None else {}),
            **traced(partition.lineage),
            **reported(report),
            **facts_shown(partition.facts),
        }

    def _held(
        self, path: Sequence[str], when: date | None, partition: LazyPartition, recorder: Recorder
    ) -> Held | None:
        """What stands there; not asked where nobody wants to know."""
        if not partition.facts.get("version") and not recorder.pages:
            return None
        with refusals():
            return self.target.held(self.target.table_name(path), when)

    def _is_current(self, context: OutputContext, held: Held | None, partition: LazyPartition) -> bool:
        version = partition.facts.get("version")
        if held is None or not version or held.version != version or partition.rows not in (None, held.rows):
            return False
        return self.pass_over_current or held.facts.get("run_id") == context.run_id
