"""The landing place, where there is one: can it be read, and is what lies there named like a month."""

from collections.abc import Iterator

from taxi_assets.assets.published_source import saying_landing
from taxi_assets.doctor.finding import About, Finding
from taxi_assets.settings import Settings
from taxi_assets.tlc.source import BadFile, Patience, SourceUnavailable, open_shelf, parse_file_name

_ABOUT = About("TAXI_LANDING_URL")
_HASTE = Patience(attempts=1, connect=4.0, read=5.0, deadline=6.0)


def examine_landing(settings: Settings) -> Iterator[Finding]:
    """What ``TAXI_LANDING_URL`` names; nothing if it is not set."""
    url = settings.landing_url
    if not url:
        return
    try:
        with saying_landing():
            files = open_shelf(url, patience=_HASTE).files()
    except (SourceUnavailable, BadFile) as error:
        yield _ABOUT.problem("files", str(error), "Make it, or correct TAXI_LANDING_URL.")
        return
    months = sum(parse_file_name(name) is not None for name in files)
    yield _ABOUT.ok("files", f"{url} can be read: {months} months, {len(files) - months} other files")
