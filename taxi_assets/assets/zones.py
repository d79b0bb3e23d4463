"""``zones``: the 265 taxi zones that location ids stand for, and their copies beside the trips."""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv
from dagster import (
    AssetExecutionContext,
    AssetIn,
    AssetsDefinition,
    TableColumn,
    TableSchema,
    asset,
)

from taxi_assets.assets.common import OWNERS, REFERENCE, SOURCE_POOL, permanent_failures, retry_policy
from taxi_assets.assets.following import FOLLOWS_ZONES
from taxi_assets.assets.published_source import PublishedSource
from taxi_assets.assets.stored import TargetAsset, targets_of
from taxi_assets.settings import Settings
from taxi_assets.targets.lazy import LazyPartition
from taxi_assets.targets.metadata import facts_shown

# What the TLC's header says -> column, meaning. Names are not unique: three zones are called
# "Governor's Island/Ellis Island/Liberty Island", two "Corona".
_COLUMNS = {
    "LocationID": ("location_id", pa.int32(), "Taxi zone, 1 to 265"),
    "Borough": ("borough", pa.string(), "Borough, 'EWR', 'Unknown' for 264, the text 'N/A' for 265"),
    "Zone": ("zone", pa.string(), "Name of the zone, not unique; the text 'N/A' for 264"),
    "service_zone": ("service_zone", pa.string(), "Yellow Zone, Boro Zone, Airports, EWR, or the text 'N/A'"),
}

_SCHEMA = pa.schema(
    [pa.field(name, kind, metadata={"description": text}) for name, kind, text in _COLUMNS.values()],
    metadata={"description": "Taxi zones of New York City; join the trips on location_id."},
)
_TOLD = {
    "dagster/column_schema": TableSchema(
        [TableColumn(name, str(kind), meaning) for name, kind, meaning in _COLUMNS.values()]
    )
}


def zones_asset(settings: Settings) -> AssetsDefinition:
    """The asset that fetches the lookup of the taxi zones."""

    @asset(
        key="zones",
        description="The 265 taxi zones. 264 is unknown, 265 outside the city; both hold the text N/A.",
        io_manager_key="lake_io",
        retry_policy=retry_policy(settings),
        group_name=REFERENCE,
        owners=OWNERS,
        kinds={"csv", "parquet"},
        code_version="1",
        pool=SOURCE_POOL,
        metadata=_TOLD,
    )
    def zones(context: AssetExecutionContext, source: PublishedSource) -> pa.Table:
        """Read the lookup as published; ``N/A`` is a name here, not a missing value."""
        with tempfile.TemporaryDirectory() as directory, permanent_failures():
            published = source.open().fetch_zones(Path(directory))
            context.add_output_metadata(facts_shown(published.facts))
            types = {raw: kind for raw, (_, kind, _) in _COLUMNS.items()}
            table = csv.read_csv(
                published.path,
                convert_options=csv.ConvertOptions(
                    column_types=types, include_columns=list(types), strings_can_be_null=False
                ),
            )
        return pa.Table.from_arrays(table.columns, schema=_SCHEMA)

    return zones


def zone_copies(settings: Settings, kinds: Mapping[str, set[str]]) -> list[AssetsDefinition]:
    """The zones as a table of every target in which the trips are one; the lake has ``zones`` itself."""
    return [_copy(one, settings, kinds[one.name]) for one in targets_of(settings) if one.name != "lake"]


def _copy(target: TargetAsset, settings: Settings, kinds: set[str]) -> AssetsDefinition:
    @asset(
        key=[target.name, "zones"],
        ins={"zones": AssetIn("zones")},
        description=f"The taxi zones as a table of {target.name}, beside the trips: join on location_id.",
        io_manager_key=target.io_manager_key,
        retry_policy=retry_policy(settings),
        group_name=REFERENCE,
        owners=OWNERS,
        kinds=kinds,
        code_version="1",
        pool=target.name,
        metadata=_TOLD,
        automation_condition=FOLLOWS_ZONES,
    )
    def copied(zones: pa.Table) -> LazyPartition:
        table = pa.Table.from_arrays(zones.select(_SCHEMA.names).columns, schema=_SCHEMA)
        content = json.dumps([table.to_pylist(), str(_SCHEMA)], sort_keys=True)
        version = hashlib.sha256(content.encode()).hexdigest()[:16]
        return LazyPartition(open=lambda: nullcontext(table), facts={"version": version}, rows=table.num_rows)

    return copied
