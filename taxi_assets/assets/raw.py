"""``raw/<service>_trips``: the published file, byte for byte, with its provenance."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from dagster import AssetExecutionContext, AssetsDefinition, Config, asset
from pydantic import Field

from taxi_assets.assets.common import OWNERS, SOURCE_POOL, freshness, monthly, permanent_failures, trips_key
from taxi_assets.assets.published_columns import newest_columns, stored_columns
from taxi_assets.assets.published_source import (
    SETTLE_SECONDS,
    PublishedSource,
    is_settled,
    saying_landing,
)
from taxi_assets.settings import Settings
from taxi_assets.targets.file_io_manager import LazyFile
from taxi_assets.targets.target import Facts
from taxi_assets.tlc.layout import layout_facts
from taxi_assets.tlc.services import Service, parse_month
from taxi_assets.tlc.source import (
    Published,
    Refused,
    Source,
    SourceUnavailable,
)

Origin = Literal["source", "landing"]

CODE_VERSION = "1"
"""Of how files are fetched."""


class RawConfig(Config):
    """Where a run takes its files from."""

    origin: Origin = Field(
        "source",
        description="source: as published at TAXI_SOURCE_URL; landing: put by hand at TAXI_LANDING_URL",
    )


def raw_asset(service: Service, settings: Settings) -> AssetsDefinition:
    """The asset that fetches a service's published files."""

    @asset(
        key=trips_key("raw", service),
        description=f"{service.title} trips as the TLC published them: one file a month, byte for byte.",
        io_manager_key="raw_io",
        group_name=service.name,
        owners=OWNERS,
        kinds={"raw", "parquet"},
        code_version=CODE_VERSION,
        pool=SOURCE_POOL,
        metadata={"dagster/column_schema": newest_columns(service)},
        freshness_policy=freshness(service),
        **monthly(service, settings),
    )
    def raw(
        context: AssetExecutionContext, config: RawConfig, source: PublishedSource, landing: PublishedSource
    ) -> Mapping[str, LazyFile]:
        with permanent_failures():
            opened = source.open() if config.origin == "source" else _open_landing(landing)
        months = context.partition_keys
        return {key: _lazy(opened, service, parse_month(key), config.origin) for key in months}

    return raw


def _open_landing(landing: PublishedSource) -> Source:
    if not landing.url:
        raise Refused(
            "TAXI_LANDING_URL is not set: there is nowhere to take a file from that was put by hand."
        )
    return landing.open()


def _lazy(source: Source, service: Service, month: date, origin: Origin) -> LazyFile:
    def fetch(into: Path, known: Facts | None) -> Published | None:
        with permanent_failures():
            if origin == "landing":
                with saying_landing():
                    _require_settled(source, service, month)
                    published = source.fetch(service, month, into, known)
            else:
                published = source.fetch(service, month, into, known)
        if published is None:
            return None
        published.facts.update(code_version=CODE_VERSION, origin=origin)
        published.facts.update(layout_facts(published.path))
        return published

    return LazyFile(fetch, lambda facts: stored_columns(service, month, facts), publisher=repr(source))


def _require_settled(source: Source, service: Service, month: date) -> None:
    """Half a CSV file looks like a whole one, so one that somebody writes to again is waited for.

    Raises:
        SourceUnavailable: It may not be whole yet; a retry helps.
    """
    facts = source.look(service, month).facts
    if is_settled(facts, datetime.now(UTC)):
        return
    raise SourceUnavailable(
        f"{facts['url']}: expected a file that stays as it is, found one that was written to less than "
        f"{SETTLE_SECONDS} s ago. Run again when whatever writes it has ended."
    )
