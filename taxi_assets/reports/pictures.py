"""A month's plots as pictures inside the page, each with the words for those who can't see it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from taxi_assets.plots import data_uri, month_against_history, pickup_map, reasons, trips_by_day, words_of
from taxi_assets.reports.evidence import Evidence, Numbers

if TYPE_CHECKING:
    import pandas as pd

_SIZE = re.compile(r'width="(\d+)" height="(\d+)"')


@dataclass(frozen=True)
class Picture:
    """An image of the page.

    Attributes:
        source: Its address: the whole picture, made by us and nothing to escape.
        words: What it shows.
        width: In pixels.
        height: The page keeps so much room for it.
    """

    source: Markup
    words: str
    width: int
    height: int


def picture(svg: str) -> Picture:
    """An SVG as an image; inside the page's own HTML the ids of several would collide."""
    size = _SIZE.search(svg)
    width, height = map(int, size.groups()) if size else (480, 300)
    return Picture(Markup(data_uri(svg)), words_of(svg), width, height)  # noqa: S704 - base64 of our own


def pictures(evidence: Evidence) -> Iterator[Picture]:
    """What a month looks like."""
    service, month, profile = evidence.service, evidence.month, evidence.profile
    if profile is not None:
        yield picture(trips_by_day(service, month, profile))
    if evidence.history:
        yield picture(month_against_history(service, month, _frame(evidence.history)))
    if evidence.raw_rows is not None:
        yield picture(reasons(evidence.reasons, evidence.raw_rows))
    if profile is not None:
        yield picture(pickup_map(profile.zones))


def _frame(history: tuple[Numbers, ...]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(
        {
            "month": pd.to_datetime([one.month for one in history]),
            "trips": pd.array([one.trips for one in history], dtype="Int64"),
            "revenue_usd": pd.array([one.revenue for one in history], dtype="Float64"),
            "quarantined_share": [one.rejected / max(one.trips + one.rejected, 1) for one in history],
        }
    )
