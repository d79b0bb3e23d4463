"""Partitions that are not in memory: what assets hand to an IO manager, and get from one.

A run may cover many partitions. Its assets return a mapping from partition key to ``LazyPartition``; the
IO manager opens, stores and closes them one by one, so that memory holds a few record batches and each
partition is complete, and reported, before the next one begins.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa
import pyarrow.compute as pc
from dagster import AssetObservation

from taxi_assets.targets.preview import Head
from taxi_assets.targets.target import Facts, Lineage, Objects, TargetError


@runtime_checkable
class ArrowStream(Protocol):
    """Anything that exports an Arrow stream: pyarrow, pandas, Polars, DuckDB relations."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...


def _no_metadata() -> Mapping[str, Any]:
    return {}


def _no_facts() -> Facts:
    return {}


def _no_objects() -> Objects | None:
    return None


def _as_before(earlier: Mapping[str, Any]) -> Mapping[str, Any]:
    return earlier


def _nothing_observed(metadata: Mapping[str, Any]) -> Sequence[AssetObservation]:  # noqa: ARG001
    return ()


def _may_pass() -> None:
    return None


@dataclass(frozen=True)
class LazyPartition:
    """One partition of an asset, opened when its turn comes.

    Attributes:
        open: Gives the rows; closed when they have been stored.
        facts: Remembered beside the stored partition. If ``version`` equals the stored one's, the
            partition is current and is passed over.
        outcome: Further facts, which are known only when the rows have been read to their end.
        rows: How many there are, where known beforehand.
        metadata: Asked after the rows were stored; shown on the materialization.
        passed_over: Asked instead of ``metadata`` where the partition is current: given what an earlier run
            said of it, gives what is shown now.
        observed: What is to be seen on other assets as well, given what is shown of this one.
        siblings: Partitions of the multi-asset's other outputs (by the path of the asset key)
            that fall out of the same pass: opened after this one's rows were read to their end.
        objects: The same rows as objects, where they lie in such; a store that can load them does so
            and the rows are not opened.
        lineage: Where each column is from, by asset and column; for the UI.
        gate: Asked before the store is touched, unless the partition is current; raises ``HeldBack`` if it is
            not to be stored yet.
    """

    open: Callable[[], AbstractContextManager[ArrowStream]]
    facts: Facts = field(default_factory=dict)
    outcome: Callable[[], Facts] = _no_facts
    rows: int | None = None
    metadata: Callable[[], Mapping[str, Any]] = _no_metadata
    passed_over: Callable[[Mapping[str, Any]], Mapping[str, Any]] = _as_before
    observed: Callable[[Mapping[str, Any]], Sequence[AssetObservation]] = _nothing_observed
    siblings: Mapping[tuple[str, ...], "LazyPartition"] = field(default_factory=dict)
    objects: Callable[[], Objects | None] = _no_objects
    lineage: Lineage = field(default_factory=dict)
    gate: Callable[[], None] = _may_pass


class HeldBack(Exception):  # noqa: N818 - a state of a partition, not a fault
    """A partition is not to be stored now; the other ones of the run are. Says why."""


class LazyPartitions(Mapping[str, LazyPartition]):
    """Partition key -> partition, over known keys, each made when asked for.

    What an asset over many partitions takes and returns, and the annotation that asks for it.
    """

    def __init__(self, keys: Sequence[str], make: Callable[[str], LazyPartition]) -> None:
        self._keys = tuple(keys)
        self._make = make

    def __getitem__(self, key: str) -> LazyPartition:
        if key not in self._keys:
            raise KeyError(key)
        return self._make(key)

    def __contains__(self, key: object) -> bool:
        return key in self._keys  # without making the partition, as Mapping would

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


class Guarded:
    """A stream that remembers why it broke: Arrow's C interface passes errors on as text only."""

    def __init__(
        self,
        source: ArrowStream,
        progress: Callable[[int], None] = lambda _: None,
        partition: tuple[str, date] | None = None,
        head: int = 0,
    ) -> None:
        """Guard a stream.

        Args:
            source: The stream.
            progress: Told the number of rows after every batch.
            partition: Column and value of the partition that the rows are for. A stream that was read from
                a target carries the column; it is taken out, once every value was found to be this one.
            head: How many of the first rows to keep, as they go on.
        """
        self._source = (
            source if isinstance(source, pa.RecordBatchReader) else pa.RecordBatchReader.from_stream(source)
        )
        self._progress = progress
        self.error: BaseException | None = None
        self.ended = False
        self.rows = 0
        self.head = Head(head)
        schema = self._source.schema
        self._column = schema.get_field_index(partition[0]) if partition else -1
        self._when = partition[1] if partition else None
        self.reader = pa.RecordBatchReader.from_batches(
            schema.remove(self._column) if self._column >= 0 else schema, self._batches()
        )

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._source:
                self.rows += batch.num_rows
                self._progress(self.rows)
                plain = self._without_partition(batch) if self._column >= 0 else batch
                self.head.see(plain)
                yield plain
            self.ended = True
        except GeneratorExit:
            raise
        except BaseException as error:
            self.error = error
            raise

    def _without_partition(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        name = batch.schema.field(self._column).name
        strays = pc.unique(batch.column(self._column)).cast(pa.date32()).to_pylist()
        if strays not in ([], [self._when]):
            raise TargetError(
                f"rows for the partition {self._when} say {name} = {', '.join(map(str, strays))}"
            )
        return batch.remove_column(self._column)


class SettledFacts(Mapping[str, str]):
    """Facts of a partition, complete from the moment at which its stream has ended.

    Stores write facts after the last row, so what was counted on the way can be among them.
    """

    def __init__(self, known: Facts, outcome: Callable[[], Facts], stream: Guarded) -> None:
        """Complete ``known`` by ``outcome``, which is not asked before ``stream`` has ended."""
        self._known = dict(known)
        self._outcome = outcome
        self._stream = stream

    def _all(self) -> Facts:
        if self._stream.ended:
            self._known |= self._outcome()
            self._outcome = _no_facts
        return self._known

    def __getitem__(self, name: str) -> str:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())
