"""Rows and money are conserved on the way, and it is proved by asking the stores.

``raw = cleaned + quarantined`` and ``cleaned = each target``, in rows and in every sum of dollars. Both are
blocking: what does not add up goes no further.

A target that is behind a newer ``cleaned`` differs from it, which is no fault while another run is to load
it: a check beside that run only warns, as nobody is to be told of what is right a moment later. A target of
the version of ``cleaned`` with other rows is a fault, whatever runs. So nothing is hidden: the other run's
own check judges, its failure is told of itself, and a version that stays behind is found by ``reconcile``.

Absent on purpose: total = sum of its parts. The TLC's own data breaks it in 14 % of rows.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

from dagster import (
    AssetCheckExecutionContext,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetKey,
    MetadataValue,
    ResourceParam,
    asset_check,
)

from taxi_assets.assets.common import monthly_partitions, permanent_failures, trips_key
from taxi_assets.assets.following import PROVES_TARGET
from taxi_assets.assets.stored import TargetAsset
from taxi_assets.checks.by_month import Events, Verdict, by_month
from taxi_assets.recovery.believed import loading
from taxi_assets.targets import markdown
from taxi_assets.targets.file_io_manager import intact
from taxi_assets.targets.files import FileStore
from taxi_assets.targets.target import Target, Totals
from taxi_assets.tlc.schema import money_columns
from taxi_assets.tlc.services import Service, parse_month
from taxi_assets.tlc.totals import published_totals

CONSERVES = "conserves_rows_and_money"
"""Name of the check of ``cleaned``."""

MATCHES = "matches_cleaned"
"""Name of the check of each target."""


def conservation_check(service: Service) -> AssetChecksDefinition:
    """Nothing is lost and nothing made up between the published file and what came of it."""
    raw, cleaned, quarantined = (trips_key(stage, service) for stage in ("raw", "cleaned", "quarantined"))

    @asset_check(
        asset=cleaned,
        name=CONSERVES,
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

        yield from by_month(context, cleaned, CONSERVES, judge, AssetCheckSeverity.ERROR)

    return conserves


def target_check(target: TargetAsset, service: Service) -> AssetChecksDefinition:
    """A target holds the cleaned rows, no more and no fewer."""
    cleaned, key = trips_key("cleaned", service), trips_key(target.name, service)

    @asset_check(
        asset=key,
        name=MATCHES,
        additional_deps=[cleaned],
        blocking=True,
        required_resource_keys={target.name, "lake"},
        automation_condition=PROVES_TARGET,
        description=f"{target.name} = cleaned, in rows and in every sum of dollars, by query.",
        partitions_def=monthly_partitions(service),
    )
    def matches(context: AssetCheckExecutionContext) -> Events:
        lake: Target = context.op_execution_context.resources.lake
        store: Target = getattr(context.op_execution_context.resources, target.name)

        def judge(month_key: str) -> Verdict:
            month, money = parse_month(month_key), money_columns(service.name)
            for _ in range(2):  # a run may have replaced both between the one query and the other
                wanted = lake.totals(lake.table_name(cleaned.path), month, money)
                found = store.totals(store.table_name(key.path), month, money)
                verdict = _compare({"cleaned": wanted}, {target.name: found})
                if verdict.passed:
                    break
                other = loading(context.instance, target.name, service, month_key, but=context.run.run_id)
                if other and _version(store, key, month) != _version(lake, cleaned, month):
                    return _left_to(other, verdict)
            return verdict

        yield from by_month(context, key, MATCHES, judge, AssetCheckSeverity.ERROR)

    return matches


def _version(store: Target, key: AssetKey, month: date) -> str | None:
    held = store.held(store.table_name(key.path), month)
    return held.version if held else None


def _left_to(run_id: str, verdict: Verdict) -> Verdict:
    """A difference as a warning: another run is to end it."""
    words = f"of another version than cleaned; run {run_id[:8]} is to load it, and judges it then"
    return replace(
        verdict,
        description=f"{verdict.description}; {words}",
        metadata={**verdict.metadata, "judged_by": MetadataValue.dagster_run(run_id)},
        severity=AssetCheckSeverity.WARN,
    )


def _compare(wanted: Mapping[str, Totals], found: Mapping[str, Totals]) -> Verdict:
    """Whether the one side's rows and sums are those of the other side together."""
    (name, whole), parts = next(iter(wanted.items())), list(found.values())
    lines = {"rows": (Decimal(whole.rows), [Decimal(part.rows) for part in parts])}
    lines |= {column: (value, [part.sums[column] for part in parts]) for column, value in whole.sums.items()}
    wrong = {line: sum(values) - value for line, (value, values) in lines.items() if sum(values) != value}
    rows = [(line, _text(value), *map(_text, values)) for line, (value, values) in lines.items()]
    compared = markdown.table(("", name, *found), rows, numbers=(name, *found))
    description = f"{name} = {' + '.join(found)}"
    if wrong:
        description += ": off by " + ", ".join(f"{_text(gap)} in {line}" for line, gap in wrong.items())
    return Verdict(not wrong, description, {"rows": whole.rows, "table": MetadataValue.md(compared)})


def _text(value: Decimal | int) -> str:
    return f"{value:,.6f}".rstrip("0").rstrip(".")
