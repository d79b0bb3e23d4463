"""Fetch a published file, whole or not at all: from the CDN, a directory, a bucket, or made up."""

from taxi_assets.tlc.source.facts import is_made_up
from taxi_assets.tlc.source.names import Named, parse_file_name
from taxi_assets.tlc.source.opening import open_shelf, open_source
from taxi_assets.tlc.source.patience import Patience
from taxi_assets.tlc.source.source import (
    FACT_NAMES,
    ZONES_NAME,
    BadFile,
    Facts,
    NotPublished,
    Published,
    Refused,
    Sighting,
    Source,
    SourceError,
    SourceUnavailable,
    TruncatedFile,
)

__all__ = [
    "FACT_NAMES",
    "ZONES_NAME",
    "BadFile",
    "Facts",
    "Named",
    "NotPublished",
    "Patience",
    "Published",
    "Refused",
    "Sighting",
    "Source",
    "SourceError",
    "SourceUnavailable",
    "TruncatedFile",
    "is_made_up",
    "open_shelf",
    "open_source",
    "parse_file_name",
]
