"""Asset checks: rows and money are conserved on the way, and it is proved by asking the stores.

``raw = cleaned + quarantined`` and ``cleaned = each target``, in rows and in every sum of dollars. Both are
blocking: what does not add up goes no further. A run over many months evaluates each one by itself.

Absent on purpose: total = sum of its parts. The TLC's own data breaks it in 14 % of rows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from dagster import (
    AssetCheckEvaluation,
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetKey,
    Failure,
    MetadataValue,
    Output,
    ResourceParam,
    asset_check,
)

from taxi_assets.assets.common import monthly_partitions, permanent_failures, trips_key
from taxi_assets.assets.stored import TargetAsset, targets_of
from taxi_assets.settings import Settings
from taxi_assets.targets.file_io_manager import intact
from taxi_assets.targets.files import FileStore
from taxi_assets.targets.target import Target, TargetError, Totals
from taxi_assets.tlc.conform import NonConforming
from taxi_assets.tlc.published import published_rows
from taxi_assets.tlc.schema import money_columns
from taxi_assets.tlc.services import Service, parse_month
from taxi_assets.tlc.totals import published_totals

# Dagster runs a check that yields, one evaluation a month; its annotations only know the one that returns.
Events: TypeAlias = Any


@dataclass(frozen=True)
class Verdict:
    """What a check found of one month."""

    passed: bool
    description: str
    metadata: Mapping[str, Any]


def checks_for(service: Service, settings: Settings) -> list[AssetChecksDefinition]:
    """Every check of a service's assets."""
    return [
        published_count_check(service),
        conservation_check(service),
        *(target_check(target, service) for target in targets_of(settings)),
    ]


def published_count_check(service: Service) -> AssetChecksDefinition:
    """Raw rows against the published count, a warning: the TLC re-publishes months with other counts."""
    key = trips_key("raw", service)

    @asset_check(
        asset=key,
        name="published_row_count",
        description="The file has as many rows as the month was seen to have when it was published.",
        partitions_def=monthly_partitions(service),
    )
    def published_row_count(context: AssetCheckExecutionContext, raw_files: FileStore) -> Events:
        def judge(month_key: str) -> Verdict:
            month = parse_month(month_key)
            facts = raw_files.facts("/".join(key.path), month) or {}
            known, found = published_rows(service.name, month), facts.get("rows")
            made_up = facts.get("url", "").startswith("synthetic")
            if known is None or found is None or made_up:
                return Verdict(True, "no published count is known to compare with", {})
            rows = {"rows": int(found), "published_rows": known.rows}
            same = int(found) == known.rows
            return Verdict(same, "as published" if same else "other than published: re-published?", rows)

        yield from _by_month(context, key, "published_row_count", judge, AssetCheckSeverity.WARN)

    return published_row_count


def conservation_check(service: Service) -> AssetChecksDefinition:
    """Nothing is lost and nothing made up between the published file and what came of it."""
    raw, cleaned, quarantined = (trips_key(stage, service) for stage in ("raw", "cleaned", "quarantined"))

    @asset_check(
        asset=cleaned,
        name="conserves_rows_and_money",
        additional_deps=[raw, quarantined],
        blocking=True,
        description="raw = cleaned + quarantined, in rows and in every sum of dollars.",
        partitions_def=monthly_partitions(service),
    )
    def conserves(
        context: AssetCheckExecutionContext, raw_files: FileStore, lake: ResourceParam[Target]
    ) -> Events:
        def judge(month_key: str) -> Verdict:
            month, money = parse_month(month_key), money_columns(service.name)
            with permanent_failures(), intact(raw_files, "/".join(raw.path), month_key, month) as path:
                rows, sums = published_totals(path, service.name, month, raw_files.scratch())
            parts = [lake.totals(lake.table_name(key.path), month, money) for key in (cleaned, quarantined)]
            return _compare(
                {"raw": Totals(rows, sums)}, dict(zip(("cleaned", "quarantined"), parts, strict=True))
            )

        yield from _by_month(context, cleaned, "conserves_rows_and_money", judge, AssetCheckSeverity.ERROR)

    return conserves


def target_check(target: TargetAsset, service: Service) -> AssetChecksDefinition:
    """A target holds the cleaned rows, no more and no fewer."""
    cleaned, key = trips_key("cleaned", service), trips_key(target.name, service)

    @asset_check(
        asset=key,
        name="matches_cleaned",
        additional_deps=[cleaned],
        blocking=True,
        required_resource_keys={target.name, "lake"},
        description=f"{target.name} = cleaned, in rows and in every sum of dollars, by query.",
        partitions_def=monthly_partitions(service),
    )
    def matches(context: AssetCheckExecutionContext) -> Events:
        lake: Target = context.op_execution_context.resources.lake
        store: Target = getattr(context.op_execution_context.resources, target.name)

        def judge(month_key: str) -> Verdict:
            month, money = parse_month(month_key), money_columns(service.name)
            wanted = lake.totals(lake.table_name(cleaned.path), month, money)
            found = store.totals(store.table_name(key.path), month, money)
            return _compare({"cleaned": wanted}, {target.name: found})

        yield from _by_month(context, key, "matches_cleaned", judge, AssetCheckSeverity.ERROR)

    return matches


def _compare(wanted: Mapping[str, Totals], found: Mapping[str, Totals]) -> Verdict:
    """Whether the one side's rows and sums are those of the other side together."""
    (name, whole), parts = next(iter(wanted.items())), list(found.values())
    lines = {"rows": (Decimal(whole.rows), [Decimal(part.rows) for part in parts])}
    lines |= {column: (value, [part.sums[column] for part in parts]) for column, value in whole.sums.items()}
    wrong = {line: sum(values) - value for line, (value, values) in lines.items() if sum(values) != value}
    head = f"| | {name} | {' | '.join(found)} |\n|---|---:|{'---:|' * len(found)}\n"
    body = "\n".join(
        f"| {line} | {_text(value)} | {' | '.join(_text(part) for part in values)} |"
        for line, (value, values) in lines.items()
    )
    description = f"{name} = {' + '.join(found)}"
    if wrong:
        description += ": off by " + ", ".join(f"{_text(gap)} in {line}" for line, gap in wrong.items())
    return Verdict(not wrong, description, {"rows": whole.rows, "table": MetadataValue.md(head + body)})


def _text(value: Decimal | int) -> str:
    return f"{value:,.6f}".rstrip("0").rstrip(".")


def _by_month(
    context: AssetCheckExecutionContext,
    key: AssetKey,
    name: str,
    judge: Callable[[str], Verdict],
    severity: AssetCheckSeverity,
) -> Events:
    """Evaluate every month of the run; Dagster itself records one evaluation a run only."""
    months = _months(context, key)
    if context.op_execution_context.has_partition_key:
        only = judge(months[0])
        yield AssetCheckResult(
            passed=only.passed, description=only.description, metadata=only.metadata, severity=severity
        )
        return
    failed = []
    for month in months:
        verdict = _judged(judge, month)
        failed += [] if verdict.passed else [month]
        yield AssetCheckEvaluation(
            asset_key=key,
            check_name=name,
            passed=verdict.passed,
            description=verdict.description,
            metadata=verdict.metadata,
            severity=severity,
            blocking=severity == AssetCheckSeverity.ERROR,
            partition=month,
        )
    # Said as an event: an AssetCheckResult looks for the run's one partition, which there may not be.
    yield AssetCheckEvaluation(
        asset_key=key,
        check_name=name,
        passed=not failed,
        description=f"{len(months)} months, failed: {', '.join(failed) or 'none'}",
        metadata={"months": len(months), "failed": failed},
        severity=severity,
        blocking=severity == AssetCheckSeverity.ERROR,
    )
    yield Output(None, output_name=context.op_execution_context.op_def.output_defs[0].name)


def _months(context: AssetCheckExecutionContext, key: AssetKey) -> Sequence[str]:
    """The run's months; every materialized one where the run has none, as with *Execute all* in the UI."""
    run = context.op_execution_context
    if run.has_partition_key or run.has_partition_key_range:
        return run.partition_keys
    return sorted(run.instance.get_materialized_partitions(key))


def _judged(judge: Callable[[str], Verdict], month: str) -> Verdict:
    """A month's verdict; what keeps one month from being judged must not cost the others theirs."""
    try:
        return judge(month)
    except (Failure, TargetError, NonConforming, FileNotFoundError) as error:
        return Verdict(False, error.description or "" if isinstance(error, Failure) else str(error), {})
