"""A stored partition as an input: its facts at once, its rows and its objects when somebody wants them."""

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import date

import pyarrow as pa
from dagster import Failure, InputContext

from taxi_assets.targets.failures import refusals
from taxi_assets.targets.journal import OWN_FACTS
from taxi_assets.targets.lazy import LazyPartition
from taxi_assets.targets.partitions import partition_date
from taxi_assets.targets.target import Held, Objects, Target


def stored_partition(context: InputContext, target: Target, table: str, key: str) -> LazyPartition:
    """One partition as it stands, whose rows are read when they are asked for.

    Raises:
        Failure: It does not stand.
    """
    when = partition_date(context, key)
    with refusals():
        held = target.held(table, when)
    if held is None:
        raise Failure(
            f"{context.asset_key.to_user_string()} has no partition {key} in {target.uri(table)}: "
            "materialize it first.",
            allow_retries=False,
        )
    facts = {name: value for name, value in held.facts.items() if name not in OWN_FACTS}
    return LazyPartition(
        open=lambda: nullcontext(_steady(target, table, when, held)),
        facts=facts,
        rows=held.rows,
        objects=lambda: _steady_objects(target, table, when, held),
    )


def _steady_objects(target: Target, table: str, when: date, held: Held) -> Objects | None:
    """The partition's objects, if they are those that its facts were taken of, see ``_steady``."""
    objects = target.objects(table, when)
    if objects is not None and Held(objects.rows, objects.facts) != held:
        raise RuntimeError(_replaced(target, table, when))
    return objects


def _steady(target: Target, table: str, when: date, held: Held) -> pa.RecordBatchReader:
    """The partition's rows, if it is still the same one when they have all been read.

    Its facts were taken before. Stored with another version's rows they would name the wrong source for
    good, so a replace in between breaks the stream at its end, before the store commits; a retry helps.
    """
    rows = target.read(table, [when])

    def batches() -> Iterator[pa.RecordBatch]:
        yield from rows
        if target.held(table, when) != held:
            raise RuntimeError(_replaced(target, table, when))

    return pa.RecordBatchReader.from_batches(rows.schema, batches())


def _replaced(target: Target, table: str, when: date) -> str:
    return f"{target.uri(table, when)} was replaced while it was read: run it again"
