"""Raw rows against what others have counted in the published file."""

from dagster import AssetCheckExecutionContext, AssetChecksDefinition, AssetCheckSeverity, asset_check

from taxi_assets.assets.common import monthly_partitions, trips_key
from taxi_assets.checks.by_month import Events, Verdict, by_month
from taxi_assets.targets.files import FileStore
from taxi_assets.tlc.published import published_rows
from taxi_assets.tlc.services import Service, parse_month
from taxi_assets.tlc.source import is_made_up

NAME = "published_row_count"


def published_count_check(service: Service) -> AssetChecksDefinition:
    """Raw rows against the published count, a warning: the TLC re-publishes months with other counts."""
    key = trips_key("raw", service)

    @asset_check(
        asset=key,
        name=NAME,
        description="The file has as many rows as the month was seen to have when it was published.",
        partitions_def=monthly_partitions(service),
    )
    def published_row_count(context: AssetCheckExecutionContext, raw_files: FileStore) -> Events:
        def judge(month_key: str) -> Verdict:
            month = parse_month(month_key)
            facts = raw_files.facts("/".join(key.path), month) or {}
            known, found = published_rows(service.name, month), facts.get("rows")
            if known is None or found is None or is_made_up(facts):
                return Verdict(True, "no published count is known to compare with", {})
            rows = {"rows": int(found), "published_rows": known.rows}
            same = int(found) == known.rows
            return Verdict(same, "as published" if same else "other than published: re-published?", rows)

        yield from by_month(context, key, NAME, judge, AssetCheckSeverity.WARN)

    return published_row_count
