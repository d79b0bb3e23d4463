"""Where reports stand in the lake, and the way from one to another: relative, so they may move together."""

from datetime import date
from urllib.parse import quote

from taxi_assets.tlc.services import month_key, next_month, previous_month

MONTHLY = ("reports", "monthly")
OVERVIEW = ("reports", "overview")

OVERVIEW_FILE = "overview.html"

TO_OVERVIEW = f"../../overview/{OVERVIEW_FILE}"
"""From a month's page."""


def monthly_file(month: date) -> str:
    """``report-2024-01.html``: it says what it is in a mail too."""
    return f"report-{month_key(month)}.html"


def from_overview(month: date) -> str:
    """From the overview to a month's page."""
    return f"../monthly/{_folder(month)}"


def from_month(month: date) -> str:
    """From a month's page to another month's."""
    return f"../{_folder(month)}"


def neighbours(month: date) -> tuple[date, date]:
    """The months that a month's page leads to, where they have one."""
    return previous_month(month), next_month(month)


def readable(uri: str) -> str:
    """An address that a browser opens: a bucket's object, for who may read it, or a file of this machine."""
    if uri.startswith("gs://"):
        return f"https://storage.cloud.google.com/{quote(uri.removeprefix('gs://'), safe='/=')}"
    return f"file://{quote(uri, safe='/=')}"


def _folder(month: date) -> str:
    return f"trip_month={month.isoformat()}/{monthly_file(month)}"
