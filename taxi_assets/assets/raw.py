"""``raw/<service>_trips``: the published file, byte for byte, with its provenance."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
from dagster import AssetExecutionContext, AssetsDefinition, ConfigurableResource, asset

from taxi_assets.assets.common import OWNERS, SOURCE_POOL, freshness, monthly, permanent_failures, trips_key
from taxi_assets.settings import Settings
from taxi_assets.targets.file_io_manager import LazyFile
from taxi_assets.targets.target import Facts
from taxi_assets.tlc.services import Service, parse_month
from taxi_assets.tlc.source import Published, Source, open_source


class PublishedSource(ConfigurableResource):  # type: ignore[type-arg]
    """Where the published files come from; ``TAXI_SOURCE_URL``."""

    url: str

    def open(self) -> Source:
        """The source; nothing is asked of it yet."""
        return open_source(self.url)


def raw_asset(service: Service, settings: Settings) -> AssetsDefinition:
    """The asset that fetches a service's published files."""

    @asset(
        key=trips_key("raw", service),
        description=f"{service.title} trips as the TLC published them: one file a month, byte for byte.",
        io_manager_key="raw_io",
        group_name=service.name,
        owners=OWNERS,
        kinds={"raw", "parquet"},
        code_version="1",
        pool=SOURCE_POOL,
        freshness_policy=freshness(service),
        **monthly(service, settings),
    )
    def raw(context: AssetExecutionContext, source: PublishedSource) -> Mapping[str, LazyFile]:
        opened = source.open()
        return {key: _lazy(opened, service, parse_month(key)) for key in context.partition_keys}

    return raw


def _lazy(source: Source, service: Service, month: date) -> LazyFile:
    def fetch(into: Path, known: Facts | None) -> Published | None:
        with permanent_failures():
            published = source.fetch(service, month, into, known)
        if published and published.path.suffix == ".parquet":
            published.facts["rows"] = str(pq.read_metadata(published.path).num_rows)
        return published

    return LazyFile(fetch)
