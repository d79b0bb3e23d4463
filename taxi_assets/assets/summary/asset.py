"""The asset of a service's monthly summaries."""

from dagster import AssetExecutionContext, AssetsDefinition, ResourceParam, asset

from taxi_assets.assets.common import OWNERS, monthly, trips_key
from taxi_assets.assets.following import FOLLOWS_ITS_MONTH
from taxi_assets.assets.summary.columns import column_schema
from taxi_assets.assets.summary.frame import frames_type
from taxi_assets.assets.summary.month import CODE_VERSION, History, SummarizedMonth
from taxi_assets.settings import Settings
from taxi_assets.targets.lazy import LazyPartitions
from taxi_assets.targets.target import Target
from taxi_assets.tlc.services import Service, parse_month

MONTHLY_SUMMARY = "monthly_summary"
"""First part of the asset keys."""


def summary_asset(service: Service, settings: Settings) -> AssetsDefinition:
    """The asset that sums up and draws a service's months, out of what was counted when they were cleaned.

    It depends on the other output of the cleaning step, ``quarantined``: the blocking checks of ``cleaned``
    stop what depends on that, and a month that they hold back is the one whose picture a person wants to see.
    """

    @asset(
        key=trips_key(MONTHLY_SUMMARY, service),
        deps=[trips_key("quarantined", service)],
        description=f"{service.title} trips, one row a month: how many, money, distance, time, rejections. "
        "A typed pandas data frame; each month carries its pictures.",
        io_manager_key="lake_io",
        dagster_type=frames_type(),
        group_name=service.name,
        owners=OWNERS,
        kinds={"summary", "pandas", "parquet"},
        code_version=CODE_VERSION,
        metadata={"dagster/column_schema": column_schema()},
        automation_condition=FOLLOWS_ITS_MONTH,
        **monthly(service, settings),
    )
    def monthly_summary(context: AssetExecutionContext, lake: ResourceParam[Target]) -> LazyPartitions:
        history = History(lake, lake.table_name(trips_key(MONTHLY_SUMMARY, service).path))

        def summarized(key: str) -> SummarizedMonth:
            return SummarizedMonth(service, parse_month(key), lake, history)

        return LazyPartitions(context.partition_keys, lambda key: summarized(key).partition())

    return monthly_summary
