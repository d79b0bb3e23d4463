"""What tells one cleaned month's content from another, and what every store remembers of where it is from."""

import hashlib
import json
from dataclasses import asdict

from taxi_assets.tlc.rules import Thresholds, rules_for
from taxi_assets.tlc.schema import columns, published_columns
from taxi_assets.tlc.services import Service, parse_month

CODE_VERSION = "2"
"""Part of every cleaned month's version, as are the rules and the schema: raise it when other code would give
other rows out of the same file, rules and schema."""

PROVENANCE = ("url", "etag", "last_modified", "sha256", "file")
"""What every store remembers of the published file that its rows came from."""

PROFILE = "profile"
"""Fact of a cleaned month in the lake: a ``tlc.profile.Profile`` as JSON, replaced with its rows."""


def content_version(
    service: Service,
    key: str,
    sha256: str | None,
    rule_set: str = "default",
    thresholds: Thresholds | None = None,
) -> str:
    """Version of the rows that a published file gives by these rules, today's schema and today's code."""
    known = json.dumps(
        [
            sha256,
            CODE_VERSION,
            asdict(thresholds or Thresholds()),
            [(rule.name, rule.predicate) for rule in rules_for(service.name, rule_set)],
            [(column.name, column.kind) for column in columns(service.name)],
            [
                (column.name, era.name)
                for column, era in published_columns(service.name, parse_month(key)).items()
            ],
        ],
        sort_keys=True,
    )
    return hashlib.sha256(known.encode()).hexdigest()[:16]
