"""The one IO manager over every target: partition by partition, atomic, in bounded memory.

An output may be one value (anything that exports an Arrow stream) or a mapping of lazy partitions. In a run
over many partitions each one is stored and its materialization recorded before the next is opened, so
that a failure in the eleventh keeps ten, in the store and in Dagster; the re-run passes over those whose
version is already stored.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
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

from taxi_assets.targets.inputs import load_as, wants_partitions
from taxi_assets.targets.lazy import ArrowStream, Guarded, HeldBack, LazyPartition, LazyPartitions
from taxi_assets.targets.metadata import described, earlier_metadata, log_every, record, recorded, reported
from taxi_assets.targets.partitions import partition_date
from taxi_assets.targets.target import Facts, Held, Report, Target, TargetError

PROGRESS_SECONDS = 10.0
"""How often a long load says in the run's log how far it is."""


@contextmanager
def _refusals() -> Iterator[None]:
    """What a store refuses, a retry can't help: a wrong password, a missing right, a type that changed."""
    try:
        yield
    except TargetError as error:
        raise Failure(str(error), allow_retries=False) from error


class TargetIOManager(ConfigurableIOManager):
    """Stores assets in a ``Target`` and loads them from it.

    Attributes:
        target: The store.
        pass_over_current: Leave a partition alone whose stored version and row count are those of
            the output. Set to false in the launchpad to load a partition again regardless.
    """

    target: Target
    pass_over_current: bool = True

    def handle_output(self, context: OutputContext, obj: object) -> Iterator[DagsterEvent]:  # type: ignore[override]
        """Replace every partition of the output; those that are held back are told of when the others stand.

        Raises:
            Failure: The target refuses the rows, or a partition was held back; a retry can't help.
        """
        if obj is None:
            return
        keys = context.asset_partition_keys if context.has_asset_partitions else [None]
        name, held_back = context.asset_key.to_user_string(), []
        for number, key in enumerate(keys, start=1):
            partition = self._partition(context, obj, key)
            try:
                for path, metadata in self._store(context, key, partition):
                    yield from record(context, AssetKey(path), key, metadata, at_once=len(keys) > 1)
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
            return LazyPartitions(keys, lambda key: self._stored(context, table, key))
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

    def _store(
        self, context: OutputContext, key: str | None, partition: LazyPartition
    ) -> Iterator[tuple[Sequence[str], Mapping[str, Any]]]:
        """Store a partition and its siblings; yields asset key path and metadata of each."""
        path = tuple(context.asset_key.path)
        when = partition_date(context, key) if key is not None else None
        held = {
            name: self._current(context, name, when, part)
            for name, part in {path: partition, **partition.siblings}.items()
        }
        if all(held.values()):
            yield from self._pass_over(context, key, when, held)
            return
        partition.gate()
        progress = log_every(PROGRESS_SECONDS, context.log, f"{'/'.join(path)} {key or ''}".strip())
        facts = {"run_id": context.run_id}
        report = self._from_objects(path, when, partition, {**partition.facts, **facts})
        if report is not None:
            context.log.info(f"{'/'.join(path)} {key or ''}: loaded by the store itself, from objects")
            yield path, self._told(path, when, report, partition)
            return
        column = (self.target.partition_column, when) if when else None

        def put(name: tuple[str, ...], part: LazyPartition, rows: ArrowStream) -> Mapping[str, Any]:
            report = self._replace(name, when, Guarded(rows, progress, column), {**part.facts, **facts})
            return self._told(name, when, report, part)

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
    ) -> Iterator[tuple[Sequence[str], Mapping[str, Any]]]:
        for name, current in held.items():
            if current is None or recorded(context, AssetKey(name), key):
                continue  # stored moments ago, as a sibling: what was said of it stands
            context.log.info(f"{'/'.join(name)} {when or ''} is current: nothing to do")
            table = self.target.table_name(name)
            uri = self.target.uri(table, when)
            known = earlier_metadata(context, AssetKey(name), key)
            yield name, {**known, **described(uri, current.rows, when), "status": "already current"}

    def _told(
        self, path: Sequence[str], when: date | None, report: Report, partition: LazyPartition
    ) -> Mapping[str, Any]:
        """What the UI shows of a stored partition: what it is first, then what it cost, then its origin."""
        uri = self.target.uri(self.target.table_name(path), when)
        known = {name: value for name, value in partition.facts.items() if value}
        return {**described(uri, report.rows, when), **partition.metadata(), **reported(report), **known}

    def _replace(self, path: Sequence[str], when: date | None, guard: Guarded, facts: Facts) -> Report:
        try:
            return self.target.replace(self.target.table_name(path), when, guard.reader, facts)
        except Exception as error:
            cause = guard.error or error
            if isinstance(cause, TargetError):
                raise Failure(str(cause), allow_retries=False) from cause
            raise cause from (error if cause is not error else None)

    def _from_objects(
        self, path: Sequence[str], when: date | None, partition: LazyPartition, facts: Facts
    ) -> Report | None:
        """Let the store load the partition's objects; None if there are none, or it can't."""
        with _refusals():
            objects = None if partition.siblings else partition.objects()
            if objects is None:
                return None
            return self.target.replace_from(self.target.table_name(path), when, objects, facts)

    def _current(
        self, context: OutputContext, path: Sequence[str], when: date | None, partition: LazyPartition
    ) -> Held | None:
        version = partition.facts.get("version")
        with _refusals():
            held = self.target.held(self.target.table_name(path), when) if version else None
        if held is None or held.version != version or partition.rows not in (None, held.rows):
            return None
        stored_by_this_run = held.facts.get("run_id") == context.run_id
        return held if self.pass_over_current or stored_by_this_run else None

    def _stored(self, context: InputContext, table: str, key: str) -> LazyPartition:
        when = partition_date(context, key)
        with _refusals():
            held = self.target.held(table, when)
        if held is None:
            raise Failure(
                f"{context.asset_key.to_user_string()} has no partition {key} in {self.target.uri(table)}: "
                "materialize it first.",
                allow_retries=False,
            )
        facts = {name: value for name, value in held.facts.items() if name != "run_id"}
        return LazyPartition(
            open=lambda: nullcontext(self._steady(table, when, held)),
            facts=facts,
            rows=held.rows,
            objects=lambda: self.target.objects(table, when),
        )

    def _steady(self, table: str, when: date, held: Held) -> pa.RecordBatchReader:
        """The partition's rows, if it is still the same one when they have all been read.

        Its facts were taken before. Stored with another version's rows they would name the wrong source for
        good, so a replace in between breaks the stream at its end, before the store commits; a retry helps.
        """
        rows = self.target.read(table, [when])

        def batches() -> Iterator[pa.RecordBatch]:
            yield from rows
            if self.target.held(table, when) != held:
                raise RuntimeError(
                    f"{self.target.uri(table, when)} was replaced while it was read: run it again"
                )

        return pa.RecordBatchReader.from_batches(rows.schema, batches())
