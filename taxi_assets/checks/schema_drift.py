"""The log of schema drift: what each published file changed in its columns against the one before it."""

from datetime import date
from functools import cache

from dagster import (
    AssetCheckExecutionContext,
    AssetChecksDefinition,
    AssetCheckSeverity,
    MetadataValue,
    asset_check,
)

from taxi_assets.assets.common import monthly_partitions, trips_key
from taxi_assets.checks.by_month import Events, Verdict, by_month
from taxi_assets.targets import markdown
from taxi_assets.targets.files import FileStore
from taxi_assets.targets.target import Facts
from taxi_assets.tlc.drift import Change, Layout, changes
from taxi_assets.tlc.layout import columns_of
from taxi_assets.tlc.services import Service, ServiceName, month_key, parse_month

NAME = "schema_like_before"


def schema_check(service: Service) -> AssetChecksDefinition:
    """Columns of a file against those of the newest earlier file that is held.

    A warning: what cleaning can't read fails there, and what it can is only to be known of. A change that the
    schema table has a line for passes, and is logged all the same.
    """
    raw = trips_key("raw", service)

    @asset_check(
        asset=raw,
        name=NAME,
        description="Columns added, gone, renamed or of another type than in the file before: "
        "every change is told, one that the schema table does not know is a warning.",
        partitions_def=monthly_partitions(service),
    )
    def schema_like_before(context: AssetCheckExecutionContext, raw_files: FileStore) -> Events:
        @cache
        def held() -> dict[date, Facts]:
            return {
                month: facts for month, facts in raw_files.partitions("/".join(raw.path)).items() if month
            }

        def verdict(month_key: str) -> Verdict:
            return judge(service.name, parse_month(month_key), held())

        yield from by_month(context, raw, NAME, verdict, AssetCheckSeverity.WARN)

    return schema_like_before


def judge(service: ServiceName, month: date, held: dict[date, Facts]) -> Verdict:
    """What a month's file changed.

    Args:
        service: Whose file.
        month: Of which month.
        held: Facts of every file that is kept, by month.
    """
    # Of hundreds of files only the two that are compared are read.
    newest_first = (_layout(one, held) for one in sorted(held, reverse=True) if one < month)
    now = _layout(month, held)
    if now is None:
        return Verdict(True, "the file's columns were not noted when it was fetched", {})
    before = next(filter(None, newest_first), None)
    if before is None:
        return Verdict(True, "no earlier file is held to compare with", {"columns": len(now.columns)})
    return _told(changes(service, before, now), before, now)


def _layout(month: date, held: dict[date, Facts]) -> Layout | None:
    """A file's columns; None where it is not held, or nobody noted them."""
    found = columns_of(held.get(month, {}))
    return Layout(month, found) if found else None


def _told(found: list[Change], before: Layout, now: Layout) -> Verdict:
    since = month_key(before.month)
    counts = {"columns": len(now.columns), "changes": len(found), "compared_with": since}
    if not found:
        return Verdict(True, f"the columns of {since}", counts)
    unknown = [change for change in found if not change.known]
    rows = [(change.kind, change.before, change.now, "yes" if change.known else "**no**") for change in found]
    head = ("change", since, month_key(now.month), "in the schema table")
    told = {**counts, "diff": MetadataValue.md(markdown.table(head, rows))}
    if not unknown:
        words = f"changes since {since}: {len(found)}, all in the schema table"
        return Verdict(True, words, told, notable=True)
    named = ", ".join(f"{one.kind} {one.now or one.before}" for one in unknown)
    return Verdict(False, f"not in the schema table (taxi_assets/tlc/schema.py): {named}", told)
