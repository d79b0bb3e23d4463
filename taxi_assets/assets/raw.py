"""``raw/<service>_trips``: the published file, byte for byte, with its provenance."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq
from dagster import AssetExecutionContext, AssetsDefinition, Config, ConfigurableResource, asset
from pydantic import Field

from taxi_assets.assets.common import OWNERS, SOURCE_POOL, freshness, monthly, permanent_failures, trips_key
from taxi_assets.settings import Settings
from taxi_assets.targets.file_io_manager import LazyFile
from taxi_assets.targets.target import Facts
from taxi_assets.tlc.services import Service, parse_month
from taxi_assets.tlc.source import (
    Patience,
    Published,
    Refused,
    Source,
    SourceError,
    SourceUnavailable,
    open_source,
)

SETTLE_SECONDS = 10
"""A file in a landing directory that was written to less than this ago may not be whole yet."""

Origin = Literal["source", "landing"]

CODE_VERSION = "1"
"""Of how files are fetched."""


class PublishedSource(ConfigurableResource):  # type: ignore[type-arg]
    """Where the published files come from; ``TAXI_SOURCE_URL``, or ``TAXI_LANDING_URL``."""

    url: str

    def open(self, patience: Patience | None = None) -> Source:
        """The source; nothing is asked of it yet."""
        return open_source(self.url, patience=patience)


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


@contextmanager
def saying_landing() -> Iterator[None]:
    """A source speaks of ``TAXI_SOURCE_URL``; here it is the other setting that names it."""
    try:
        yield
    except SourceError as error:
        raise type(error)(str(error).replace("TAXI_SOURCE_URL", "TAXI_LANDING_URL")) from error


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
        if published.path.suffix == ".parquet":
            published.facts["rows"] = str(pq.read_metadata(published.path).num_rows)
        return published

    return LazyFile(fetch)


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


def is_settled(facts: Facts, now: datetime) -> bool:
    """Whether a landed file has been left alone for a while; an object in a bucket always was."""
    if not facts or facts["url"].startswith("gs://"):
        return True
    age = now - datetime.fromisoformat(facts["last_modified"])
    # A time in the future is that of another machine's clock, and tells nothing.
    return abs(age.total_seconds()) >= SETTLE_SECONDS
