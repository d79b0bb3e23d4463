"""A mart says what the trips say: its rows and dollars, compared with the warehouse's own tables."""

from decimal import Decimal

from dagster import (
    AssetCheckExecutionContext,
    AssetChecksDefinition,
    AssetCheckSeverity,
    MetadataValue,
    ResourceParam,
    asset_check,
)

from taxi_assets.assets.common import partitions_of_all
from taxi_assets.assets.following import PROVES_TARGET
from taxi_assets.assets.marts import WAREHOUSE, mart_key
from taxi_assets.checks.by_month import Events, Verdict, by_month
from taxi_assets.exact_sums import MONEY_DECIMALS
from taxi_assets.marts.table import TRIPS_DAILY
from taxi_assets.settings import Settings
from taxi_assets.targets import markdown
from taxi_assets.targets.failures import refusals
from taxi_assets.targets.target import Target
from taxi_assets.tlc.measures import MEASURES
from taxi_assets.tlc.services import parse_month

NAME = "matches_warehouse"


def mart_checks(settings: Settings) -> list[AssetChecksDefinition]:
    """The checks of the marts; none where the warehouse is switched off."""
    if WAREHOUSE not in settings.targets:
        return []
    key = mart_key(TRIPS_DAILY)

    @asset_check(
        asset=key,
        name=NAME,
        automation_condition=PROVES_TARGET,
        description="Trips and revenue of every service = the warehouse's table, by a query of its own.",
        partitions_def=partitions_of_all(),
    )
    def matches(context: AssetCheckExecutionContext, warehouse: ResourceParam[Target]) -> Events:
        def judge(month_key: str) -> Verdict:
            with refusals():
                return _judge(warehouse, month_key)

        yield from by_month(context, key, NAME, judge, AssetCheckSeverity.ERROR, stops_all=False)

    return [matches]


def _judge(warehouse: Target, month_key: str) -> Verdict:
    month = parse_month(month_key)
    columns = ["service", "trips", "revenue_usd"]
    rows = warehouse.read(TRIPS_DAILY.name, [month], columns).read_all().to_pylist()
    lines, wrong = [], []
    for service, measures in MEASURES.items():
        there = warehouse.totals(f"{service}_trips", month, measures.revenue)
        mine = [row for row in rows if row["service"] == service]
        pairs = {
            "trips": (Decimal(there.rows), Decimal(sum(row["trips"] for row in mine))),
            "revenue": (sum(there.sums.values(), Decimal(0)), _exact([row["revenue_usd"] for row in mine])),
        }
        for what, (wanted, found) in pairs.items():
            lines.append((f"{service} {what}", f"{wanted:,}", f"{found:,}"))
            if wanted != found:
                wrong.append(f"{service}: {found:,} {what}, the warehouse has {wanted:,}")
    compared = markdown.table(("", "warehouse", "mart"), lines, numbers=("warehouse", "mart"))
    words = "; ".join(wrong) or f"{TRIPS_DAILY.name} = {WAREHOUSE}"
    return Verdict(not wrong, words, {"table": MetadataValue.md(compared)})


def _exact(values: list[float | None]) -> Decimal:
    """The sum that the doubles were made of: below nine billion each is the nearest to one decimal alone."""
    step = Decimal(1).scaleb(-MONEY_DECIMALS)
    return sum((Decimal(value).quantize(step) for value in values if value is not None), Decimal(0))
