"""How a check judges months: each one of a run by itself, where Dagster would record one evaluation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from dagster import (
    AssetCheckEvaluation,
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetKey,
    AssetRecordsFilter,
    Failure,
    MetadataValue,
    Output,
)
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)

from taxi_assets.targets import markdown
from taxi_assets.targets.target import TargetError
from taxi_assets.tlc.conform import NonConforming

_MOST_TOLD = 30  # a backfill of years in which everything fails, most often for one reason

# Dagster runs a check that yields, one evaluation a month; its annotations only know the one that returns.
Events: TypeAlias = Any


@dataclass(frozen=True)
class Verdict:
    """What a check found of one month.

    Attributes:
        passed: Whether it is as it should be.
        description: In words.
        metadata: In numbers.
        notable: Whether the sum of many months tells it, although it passed.
        severity: Of this month, where it is not that of the check.
    """

    passed: bool
    description: str
    metadata: Mapping[str, Any]
    notable: bool = False
    severity: AssetCheckSeverity | None = None


def by_month(
    context: AssetCheckExecutionContext,
    key: AssetKey,
    name: str,
    judge: Callable[[str], Verdict],
    severity: AssetCheckSeverity,
    *,
    stops_all: bool = True,
) -> Events:
    """Evaluate every month of the run; Dagster itself records one evaluation a run only.

    Args:
        context: Of the check.
        key: The asset's.
        name: The check's.
        judge: Gives the verdict of a month.
        severity: Of a month that fails.
        stops_all: Whether a month that fails stops what is downstream in a run of many.
    """
    blocking = severity == AssetCheckSeverity.ERROR and stops_all
    months = _months(context, key)
    if context.op_execution_context.has_partition_key:
        only = judge(months[0])
        yield AssetCheckResult(
            passed=only.passed,
            description=only.description,
            metadata=only.metadata,
            severity=only.severity or severity,
        )
        return
    verdicts = {}
    for month in months:
        verdict = verdicts[month] = _judged(judge, month)
        yield AssetCheckEvaluation(
            asset_key=key,
            check_name=name,
            passed=verdict.passed,
            description=verdict.description,
            metadata=verdict.metadata,
            severity=verdict.severity or severity,
            blocking=blocking,
            partition=month,
            target_materialization_data=_materialization_of(context, key, month),
        )
    # Said as an event: an AssetCheckResult looks for the run's one partition, which there may not be.
    yield AssetCheckEvaluation(
        asset_key=key,
        check_name=name,
        passed=all(verdict.passed for verdict in verdicts.values()),
        **_summed_up(verdicts),
        severity=_of_all(verdicts, severity),
        blocking=blocking,
    )
    yield Output(None, output_name=context.op_execution_context.op_def.output_defs[0].name)


def _of_all(verdicts: Mapping[str, Verdict], severity: AssetCheckSeverity) -> AssetCheckSeverity:
    """A warning where no month that failed is more than one."""
    failed = {verdict.severity or severity for verdict in verdicts.values() if not verdict.passed}
    return AssetCheckSeverity.WARN if failed == {AssetCheckSeverity.WARN} else severity


def _summed_up(verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """What the check's own page says of a run: which months failed, and in their own words why."""
    failed = [month for month, verdict in verdicts.items() if not verdict.passed]
    others = [month for month, verdict in verdicts.items() if verdict.passed and verdict.notable]
    rows = [
        (month, "passed" if verdicts[month].passed else "**failed**", verdicts[month].description)
        for month in (*failed, *others)[:_MOST_TOLD]
    ]
    left = len(failed) + len(others) - len(rows)
    head = ("month", "", "what was found")
    told = MetadataValue.md(markdown.table(head, rows)) if rows else "all months passed"
    return {
        "description": f"{len(verdicts)} months, failed: {', '.join(failed) or 'none'}"
        + (f"; something to tell of: {', '.join(others)}" if others else ""),
        "metadata": {"verdicts": told, **({"not_listed": f"{left} more months"} if left else {})},
    }


def _months(context: AssetCheckExecutionContext, key: AssetKey) -> Sequence[str]:
    """The run's months; every materialized one where the run has none, as with *Execute all* in the UI."""
    run = context.op_execution_context
    if run.has_partition_key or run.has_partition_key_range:
        return run.partition_keys
    return sorted(run.instance.get_materialized_partitions(key))


def _materialization_of(
    context: AssetCheckExecutionContext, key: AssetKey, month: str
) -> AssetCheckEvaluationTargetMaterializationData | None:
    """Which materialization is judged: without it a check counts as one of an older version for ever."""
    wanted = AssetRecordsFilter(key, asset_partitions=[month])
    records = context.instance.fetch_materializations(wanted, limit=1).records
    if not records:
        return None
    latest = records[0]
    return AssetCheckEvaluationTargetMaterializationData(
        storage_id=latest.storage_id, run_id=latest.run_id, timestamp=latest.timestamp
    )


def _judged(judge: Callable[[str], Verdict], month: str) -> Verdict:
    """A month's verdict; what keeps one month from being judged must not cost the others theirs."""
    try:
        return judge(month)
    except (Failure, TargetError, NonConforming, FileNotFoundError) as error:
        return Verdict(False, error.description or "" if isinstance(error, Failure) else str(error), {})
