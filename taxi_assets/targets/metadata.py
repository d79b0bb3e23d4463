"""What the UI is told of a stored partition, under Dagster's reserved keys where there is one."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from time import monotonic
from typing import Any

from dagster import (
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    AssetRecordsFilter,
    DagsterEvent,
    DagsterLogManager,
    OutputContext,
    TableColumnDep,
    TableColumnLineage,
)

from taxi_assets.targets.target import Facts, Lineage, Report, Target

SIZE = "dagster/size_bytes"

_COSTS = frozenset({"seconds", "seconds_by_phase", "rows_per_second", "rows_replaced"})


def described(target: Target, path: Sequence[str], rows: int, partition: date | None) -> Mapping[str, Any]:
    """Where a partition stands, how queries find it, and how many rows it has."""
    table = target.table_name(path)
    name = target.full_name(table)
    return {
        **counted(rows, partition),
        "dagster/uri": target.uri(table, partition),
        **({"dagster/table_name": name} if name else {}),
        **({"dagster/storage_kind": target.storage_kind} if target.storage_kind else {}),
        **_examples(target, table, partition),
    }


def counted(rows: int, partition: date | None) -> Mapping[str, int]:
    """Rows under the key that Dagster has for them."""
    return {"dagster/row_count" if partition is None else "dagster/partition_row_count": rows}


def traced(lineage: Lineage) -> Mapping[str, Any]:
    """Column lineage, which the UI draws on an asset's page and follows from asset to asset."""
    if not lineage:
        return {}
    deps = {
        column: [TableColumnDep(AssetKey(path), name) for path, name in sources]
        for column, sources in lineage.items()
    }
    return {"dagster/column_lineage": TableColumnLineage(deps)}


def _examples(target: Target, table: str, partition: date | None) -> Mapping[str, str]:
    """How a person reads the partition: in the store's own language, and in Python."""
    told = {
        "query": target.example_query(table, partition),
        "query_in_python": target.example_python(table, partition),
    }
    return {name: text for name, text in told.items() if text}


def facts_shown(facts: Facts) -> Mapping[str, str]:
    """Facts for people: none that is empty, and no JSON, which who made it shows as a table."""
    return {name: value for name, value in facts.items() if value and not value.startswith("{")}


def reported(report: Report) -> Mapping[str, Any]:
    """What a replace did: sizes, what stood there before, seconds by phase, speed."""
    seconds = sum(report.seconds.values())
    replaced = {} if report.replaced_rows is None else {"rows_replaced": report.replaced_rows}
    return {
        "status": "stored" if report.replaced_rows is None else "replaced",
        **({SIZE: report.bytes} if report.bytes else {}),
        **replaced,
        "seconds": round(seconds, 3),
        "seconds_by_phase": {phase: round(value, 3) for phase, value in report.seconds.items()},
        "rows_per_second": round(report.rows / seconds) if seconds else report.rows,
    }


def record(
    context: OutputContext,
    asset_key: AssetKey,
    key: str | None,
    metadata: Mapping[str, Any],
    *,
    at_once: bool,
) -> Iterator[DagsterEvent]:
    """Attach metadata to a partition's materialization.

    Args:
        context: Of the output being handled.
        asset_key: The output's asset, or a sibling's from the same pass.
        key: Partition key, None for an asset without partitions.
        metadata: What to show.
        at_once: Also record a materialization now. Dagster records those of a run over many partitions
            when the last one is stored; a failure before that would leave the finished ones unrecorded.
    """
    if key is None or (asset_key == context.asset_key and not at_once):
        context.add_output_metadata(metadata)
        return
    context.step_context.add_asset_metadata(metadata, asset_key, key)
    if at_once:
        materialization = AssetMaterialization(asset_key, partition=key, metadata=metadata)
        yield DagsterEvent.asset_materialization(context.step_context, materialization)


def observe(context: OutputContext, observations: Iterable[AssetObservation]) -> Iterator[DagsterEvent]:
    """Record observations now, as ``record`` does, so that a failure later in the run does not lose them."""
    for observation in observations:
        yield DagsterEvent.asset_observation(context.step_context, observation)


def earlier_metadata(context: OutputContext, asset_key: AssetKey, key: str | None) -> Mapping[str, Any]:
    """What an earlier run said of a partition that still stands, without what it cost that run.

    A partition that is passed over is materialized once more; without this the UI would forget its
    quarantine, and its plots over partitions would show gaps.
    """
    wanted = AssetRecordsFilter(asset_key, asset_partitions=[key] if key else None)
    records = context.step_context.instance.fetch_materializations(wanted, limit=1).records
    earlier = records[0].asset_materialization if records else None
    metadata = earlier.metadata if earlier else {}
    return {name: value for name, value in metadata.items() if name not in _COSTS}


def recorded(context: OutputContext, asset_key: AssetKey, key: str | None) -> bool:
    """Whether this attempt of the step has told of the partition already: as a sibling of another output."""
    return bool(context.step_context.get_asset_metadata(asset_key, key))


def log_every(seconds: float, log: DagsterLogManager, label: str) -> Callable[[int], None]:
    """A callback that says, at most every so many seconds, how many rows went by."""
    started = last = monotonic()

    def progress(rows: int) -> None:
        nonlocal last
        now = monotonic()
        if now - last >= seconds:
            last = now
            log.info(f"{label}: {rows:,} rows so far, {rows / (now - started):,.0f} rows/s")

    return progress
