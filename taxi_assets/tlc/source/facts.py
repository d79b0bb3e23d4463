"""Facts of a file: how they are written, and when two of them mean the same content."""

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from taxi_assets.tlc.source.source import FACT_NAMES, Facts, Sighting

SYNTHETIC = "synthetic"
"""Begin of the address of what was made up; a published file's begins with a scheme."""


def make_facts(**known: str) -> dict[str, str]:
    """Every fact, '' where it is not given."""
    return {name: known.get(name, "") for name in FACT_NAMES}


def sealed(facts: dict[str, str], path: Path, sha256: str) -> dict[str, str]:
    """``facts`` completed by what is known once the whole file stands on disk."""
    return facts | {
        "bytes": str(path.stat().st_size),
        "sha256": sha256,
        "fetched_at": iso(datetime.now(UTC)),
    }


def iso(moment: datetime) -> str:
    """A moment in UTC, to the second: ``2024-03-20T14:05:33+00:00``."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def is_unchanged(known: Facts | None, found: Facts) -> bool:
    """Whether ``found`` is the content of ``known``: the same ETag, or the same date and size without ETags.

    The size has to agree as well wherever both tell it.
    """
    if not known:
        return False
    sizes = {facts.get("bytes", "") for facts in (known, found)} - {""}
    if len(sizes) > 1:
        return False
    old, new = (facts.get("etag", "").removeprefix("W/") for facts in (known, found))
    if old or new:
        return old == new
    return (
        bool(sizes) and bool(found["last_modified"]) and known.get("last_modified") == found["last_modified"]
    )


def is_made_up(facts: Facts) -> bool:
    """Whether a file was never published: ``SyntheticSource`` made it."""
    return facts.get("url", "").startswith(SYNTHETIC)


def sighting(known: Facts | None, found: dict[str, str]) -> Sighting:
    """The sighting of a file that is there."""
    if not known:
        return Sighting("new", found)
    return Sighting("unchanged" if is_unchanged(known, found) else "changed", found)


def redacted(url: str) -> str:
    """``url`` without user, password, query and fragment: all that may hold a secret."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
