"""The source: does it have a month that is surely published, and which ones does a directory have."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from taxi_assets.doctor.finding import About, Finding
from taxi_assets.settings import Settings
from taxi_assets.tlc.services import SERVICES, month_key
from taxi_assets.tlc.source import (
    ZONES_NAME,
    BadFile,
    Patience,
    Sighting,
    Source,
    SourceUnavailable,
    open_source,
)
from taxi_assets.tlc.source.names import parse_file_name

_ABOUT = About("TAXI_SOURCE_URL")
_HASTE = Patience(attempts=1, connect=4.0, read=5.0)
_GREEN = SERVICES["green"]
_LONG_AGO = date(2024, 1, 1)
_MONTHS_BACK = 6  # the TLC publishes 48 to 106 days after the month's end


def examine_source(settings: Settings) -> Iterator[Finding]:
    """What ``TAXI_SOURCE_URL`` names."""
    url = settings.source_url
    try:
        source = open_source(url, patience=_HASTE)
    except ValueError as error:
        yield _ABOUT.problem("address", str(error), "Correct TAXI_SOURCE_URL.")
        return
    if url.startswith("synthetic"):
        yield _ABOUT.ok("synthetic", f"{url}: every month is invented, none is the TLC's")
    elif url.startswith(("http:", "https:", "gs:")):
        yield _remote(source)
    else:
        path = Path(unquote(urlsplit(url).path)) if url.startswith("file:") else Path(url)
        yield from _directory(path)


def published_month(today: date) -> date:
    """A month that is surely published by ``today``."""
    months = today.year * 12 + today.month - 1 - _MONTHS_BACK
    return date(months // 12, months % 12 + 1, 1)


def _remote(source: Source) -> Finding:
    month = published_month(datetime.now(UTC).date())
    name = f"the green file of {month_key(month)}"
    try:
        sighting = source.look(_GREEN, month)
        if sighting.state != "unpublished":
            return _ABOUT.ok("months", f"{name} is there: {_size(sighting)}")
        old = source.look(_GREEN, _LONG_AGO)
    except BadFile as error:  # Refused, too
        return _ABOUT.problem("months", str(error), "Correct TAXI_SOURCE_URL and the credentials in it.")
    except SourceUnavailable as error:
        return _ABOUT.problem(
            "connection",
            str(error),
            "Check the network, its proxy (HTTPS_PROXY) and TAXI_SOURCE_URL; a run would try for minutes.",
        )
    if old.state != "unpublished":
        return _ABOUT.warning(
            "months",
            f"{name} is not there, that of {month_key(_LONG_AGO)} is",
            "Newer months can't be fetched: bring the mirror up to date, or take the TLC's own.",
        )
    return _ABOUT.problem(
        "months",
        f"neither {name} nor that of {month_key(_LONG_AGO)} is there (HTTP 403 or 404)",
        "Correct TAXI_SOURCE_URL: it ends in the folder of the files, as https://host/trip-data.",
    )


def _size(sighting: Sighting) -> str:
    size = sighting.facts.get("bytes", "")
    changed = sighting.facts.get("last_modified", "")[:10]
    told = f"{int(size) / 1e6:,.1f} MB" if size.isdigit() else "of a size that is not told"
    return f"{told}, changed {changed}" if changed else told


def _directory(path: Path) -> Iterator[Finding]:
    if not path.is_dir():
        yield _ABOUT.problem("months", f"{path} is no directory", "Mount it, or correct TAXI_SOURCE_URL.")
        return
    counts = _months(path)
    if not any(counts.values()):
        yield _ABOUT.problem(
            "months",
            f"{path} holds no file named like {_GREEN.file_name(_LONG_AGO)}",
            "Put published files there under their own names, or correct TAXI_SOURCE_URL.",
        )
    else:
        listed = ", ".join(f"{name} {number}" for name, number in counts.items())
        yield _ABOUT.ok("months", f"{path} holds months of {listed}")
    if any((folder / ZONES_NAME).is_file() for folder in (path.parent / "misc", path)):
        yield _ABOUT.ok("zones", f"{ZONES_NAME} is there")
        return
    yield _ABOUT.warning(
        "zones", f"{ZONES_NAME} is not there: the asset `zones` will fail", f"Put {ZONES_NAME} into {path}."
    )


def _months(path: Path) -> dict[str, int]:
    """Months by service, going by the names that a fetch looks for."""
    found = {named[:2] for file in path.iterdir() if (named := parse_file_name(file.name))}
    return {name: sum(service == name for service, _ in found) for name in SERVICES}
