"""The contract of a source of published files: what it gives, and how it fails.

A source is the TLC's CDN, a mirror of it, a directory, a bucket, or the synthetic maker of months. All
give verified files or an error, never a half file under a published name, and the errors say whether
asking again can help: only ``SourceUnavailable`` is worth a retry.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from taxi_assets.tlc.services import Service

Facts: TypeAlias = Mapping[str, str]
"""Provenance of a file. All of ``FACT_NAMES`` are there; a source that can't tell one leaves it ''."""

FACT_NAMES = ("url", "etag", "last_modified", "bytes", "sha256", "fetched_at", "file_name")
"""``last_modified`` and ``fetched_at`` are ISO 8601 in UTC to the second; ``url`` holds no credentials."""

State: TypeAlias = Literal["new", "changed", "unchanged", "unpublished"]

ZONES_NAME = "taxi_zone_lookup.csv"


@dataclass(frozen=True)
class Published:
    """A fetched, verified file."""

    path: Path
    facts: dict[str, str]


@dataclass(frozen=True)
class Sighting:
    """What a look at a month found, without downloading it.

    Attributes:
        state: ``new`` if nothing was known before, else whether the file differs from what was known.
        facts: As of a fetched file, with ``sha256`` and ``fetched_at`` ''; empty if unpublished.
    """

    state: State
    facts: dict[str, str] = field(default_factory=dict)


class SourceError(Exception):
    """A file can't be had. Says which, what was expected, what was found, and what to do."""


class NotPublished(SourceError):  # noqa: N818 - reads as what it says: the month is not published
    """The file is not there: asking again before its publication can't help."""


class BadFile(SourceError):  # noqa: N818 - names the thing that is wrong
    """The file is there but is not what its name says: asking again can't help."""


class TruncatedFile(BadFile):
    """The file begins well and ends too early. A second download may be whole, a third is not tried."""


class Refused(BadFile):
    """The source does not let us read: credentials, permission, address. Asking again can't help."""


class SourceUnavailable(SourceError):  # noqa: N818 - a state that passes
    """The source did not answer, or broke off, until the retries were used up: a later run may succeed."""


class Source(Protocol):
    """Where published files come from."""

    def fetch(
        self, service: Service, month: date, into: Path, known: Facts | None = None
    ) -> Published | None:
        """Bring a month's file into the directory ``into``, under its published name.

        ``into`` belongs to one fetch of a month at a time. An interrupted fetch may leave
        ``<name>.part`` there, which the next one takes up or discards.

        Args:
            service: Whose file.
            month: First day of the month.
            into: Directory that receives the file; made if absent.
            known: Facts of an earlier fetch.

        Returns:
            The file, or None if it is unchanged since ``known``; nothing is downloaded then.

        Raises:
            NotPublished: The month is not there.
            BadFile: What is there is not a whole file of its kind.
            SourceUnavailable: No luck this time.
        """
        ...

    def look(self, service: Service, month: date, known: Facts | None = None) -> Sighting:
        """Ask whether a month is published and differs from ``known``, without downloading it."""
        ...

    def fetch_zones(self, into: Path) -> Published:
        """Bring the lookup table of the 265 taxi zones."""
        ...


def not_published(shown: str, found: str, service: Service, month: date) -> NotPublished:
    """The error for a month that is not there, with the day by which it is expected."""
    return NotPublished(
        f"{shown}: not published ({found}). The TLC usually publishes the {service.name} file of "
        f"{month:%Y-%m} by {service.expected_by(month)}; wait until then. If it should be there already, "
        "check TAXI_SOURCE_URL."
    )


def no_zones(shown: str, found: str) -> NotPublished:
    """The error for a source without the zone lookup."""
    return NotPublished(
        f"{shown}: the zone lookup is not there ({found}). Put {ZONES_NAME} there, or check TAXI_SOURCE_URL."
    )
