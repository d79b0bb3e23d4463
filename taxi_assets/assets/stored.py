"""The three targets of a service: the cleaned rows in Postgres, in the lake, in the warehouse.

An asset here has nothing to compute: its input is the cleaned months, its output is the same, each behind
the gate (``gate.py``), and its IO manager puts them where they belong. A fourth target is one more line
here, and its name in ``TARGET_NAMES``.
"""

from dataclasses import dataclass, replace

from dagster import AssetExecutionContext, AssetIn, AssetsDefinition, ResourceParam, asset

from taxi_assets.assets.common import OWNERS, definition_metadata, freshness, monthly, trips_key
from taxi_assets.assets.content import PROFILE
from taxi_assets.assets.following import FOLLOWS_CLEANED
from taxi_assets.assets.gate import Gate
from taxi_assets.assets.lineage import lineage_of
from taxi_assets.settings import Settings
from taxi_assets.targets.lazy import LazyPartition, LazyPartitions
from taxi_assets.targets.target import Target
from taxi_assets.tlc.services import Service, parse_month


@dataclass(frozen=True)
class TargetAsset:
    """One store in which the cleaned trips are kept.

    Attributes:
        name: First part of the asset keys.
        what: What the rows are there, for the description.
        io_manager_key: The IO manager that keeps them.
    """

    name: str
    what: str
    io_manager_key: str


TARGETS = (
    TargetAsset("postgres", "as a Postgres table, partitioned by trip_month", "postgres_io"),
    TargetAsset("lake", "as hive-partitioned Parquet, the published dataset", "lake_io"),
    TargetAsset("warehouse", "as a table of the warehouse", "warehouse_io"),
)


def targets_of(settings: Settings) -> list[TargetAsset]:
    """The targets that are switched on."""
    return [target for target in TARGETS if target.name in settings.targets]


def target_asset(
    target: TargetAsset, service: Service, settings: Settings, kinds: set[str]
) -> AssetsDefinition:
    """The asset that keeps a service's cleaned rows in one target."""

    @asset(
        key=trips_key(target.name, service),
        ins={"cleaned": AssetIn(trips_key("cleaned", service))},
        description=f"{service.title} trips {target.what}: the cleaned rows, replaced a month at a time.",
        io_manager_key=target.io_manager_key,
        group_name=service.name,
        owners=OWNERS,
        kinds=kinds,
        code_version="1",
        metadata=definition_metadata(service),
        pool=target.name,
        automation_condition=FOLLOWS_CLEANED,
        freshness_policy=freshness(service),
        **monthly(service, settings),
    )
    def trips(
        context: AssetExecutionContext, gate: Gate, lake: ResourceParam[Target], cleaned: LazyPartitions
    ) -> LazyPartitions:
        judge = gate.at(service, lake, context.instance)

        def gated(key: str) -> LazyPartition:
            month = cleaned[key]
            facts = {name: fact for name, fact in month.facts.items() if name != PROFILE}
            lineage = lineage_of(target.name, service, key)
            return replace(month, facts=facts, lineage=lineage, gate=lambda: judge.ask(parse_month(key)))

        return LazyPartitions(context.partition_keys, gated)

    return trips
