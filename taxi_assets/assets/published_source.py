"""The resources ``source`` and ``landing``: where published files come from, and how each is spoken of."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from dagster import ConfigurableResource

from taxi_assets.targets.target import Facts
from taxi_assets.tlc.source import Patience, Source, SourceError, open_source

SETTLE_SECONDS = 10
"""A file in a landing directory that was written to less than this ago may not be whole yet."""


class PublishedSource(ConfigurableResource):  # type: ignore[type-arg]
    """Where the published files come from; ``TAXI_SOURCE_URL``, or ``TAXI_LANDING_URL``."""

    url: str

    def open(self, patience: Patience | None = None) -> Source:
        """The source; nothing is asked of it yet."""
        return open_source(self.url, patience=patience)


@contextmanager
def saying_landing() -> Iterator[None]:
    """A source speaks of ``TAXI_SOURCE_URL``; here it is the other setting that names it."""
    try:
        yield
    except SourceError as error:
        raise type(error)(str(error).replace("TAXI_SOURCE_URL", "TAXI_LANDING_URL")) from error


def is_settled(facts: Facts, now: datetime) -> bool:
    """Whether a landed file has been left alone for a while; an object in a bucket always was."""
    if not facts or facts["url"].startswith("gs://"):
        return True
    age = now - datetime.fromisoformat(facts["last_modified"])
    # A time in the future is that of another machine's clock, and tells nothing.
    return abs(age.total_seconds()) >= SETTLE_SECONDS
