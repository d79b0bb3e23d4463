"""What the pictures say, and that they are SVG which any page shows and a log can keep."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from xml.etree import ElementTree

import pandas as pd
import pytest

from taxi_assets.plots import (
    data_uri,
    markdown_image,
    month_against_history,
    pickup_map,
    reasons,
    trips_by_day,
)
from taxi_assets.tlc.profile import Profile
from taxi_assets.tlc.services import SERVICES

JANUARY = date(2023, 1, 1)
GREEN, HIGH_VOLUME = SERVICES["green"], SERVICES["fhvhv"]
SVG = "{http://www.w3.org/2000/svg}"

DAYS = Counter({JANUARY + timedelta(day): 2000 for day in range(31)})
PROFILE = Profile(
    rows=61_000,
    rejected=1_003,
    days=Counter({**DAYS, date(2008, 12, 31): 2, date(2023, 2, 1): 1}),
    rejected_days=Counter({JANUARY: 1_000, date(2008, 12, 31): 2, date(2023, 2, 1): 1}),
)
ZONES = {zone: zone**2 for zone in range(1, 266)}
REASONS = {"negative_amount": 300, "pickup_outside_month": 3, "dropoff_before_pickup": 0}


def _summaries(*months: str, revenue: float | None = 1.5e6) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "month": pd.to_datetime(list(months)),
            "trips": pd.array([60_000] * len(months), "Int64"),
            "revenue_usd": pd.array([revenue] * len(months), "Float64"),
            "quarantined_share": [0.0123] * len(months),
        }
    )


TWO_YEARS = _summaries(*(f"{day:%Y-%m-%d}" for day in pd.date_range("2021-01-01", "2023-03-01", freq="MS")))

PLOTS: dict[str, Callable[[], str]] = {
    "days": lambda: trips_by_day(GREEN, JANUARY, PROFILE),
    "no day": lambda: trips_by_day(GREEN, JANUARY, Profile()),
    "one trip": lambda: trips_by_day(GREEN, JANUARY, Profile(rows=1, days=Counter({JANUARY: 1}))),
    "history": lambda: month_against_history(GREEN, JANUARY, TWO_YEARS),
    "no history": lambda: month_against_history(GREEN, JANUARY, _summaries("2023-01-01")),
    "nothing known": lambda: month_against_history(GREEN, JANUARY, _summaries()),
    "reasons": lambda: reasons(REASONS, 62_003),
    "no reason": lambda: reasons({}, 0),
    "map": lambda: pickup_map(ZONES),
    "no zone": lambda: pickup_map({}),
    "one zone": lambda: pickup_map({74: 1}),
}


def words(svg: str) -> str:
    """All that a picture says in letters, title and description aside."""
    return "\n".join("".join(one.itertext()) for one in ElementTree.fromstring(svg).iter(f"{SVG}text"))


def _marks(svg: str) -> Counter[str]:
    """How many outlines there are of each colour."""
    found: Counter[str] = Counter()
    for path in ElementTree.fromstring(svg).iter(f"{SVG}path"):
        if colour := re.search(r"(?:fill|stroke):(#\w+)", path.get("style", "")):
            found[colour.group(1)] += path.get("d", "").count("m")
    return found


@pytest.mark.parametrize("name", PLOTS)
def test_a_picture_is_a_card_of_its_own_with_a_title_and_a_description(name: str) -> None:
    svg = PLOTS[name]()
    root = ElementTree.fromstring(svg)
    assert [child.tag for child in root][:2] == [f"{SVG}title", f"{SVG}desc"]
    assert all(child.text for child in list(root)[:2])
    assert root.get("width") == "480"
    assert root.get("viewBox") == f"0 0 960 {2 * int(root.get('height', ''))}"
    card = next(root.iter(f"{SVG}path"))
    assert card.get("style") == "fill:#ffffff"
    assert (root.find(f"{SVG}title").text or "") in words(svg)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", PLOTS)
def test_the_same_data_gives_the_same_text(name: str) -> None:
    assert PLOTS[name]() == PLOTS[name]()


def test_the_pictures_of_a_month_are_small_enough_for_an_event_log() -> None:
    pictures = [PLOTS[name]() for name in ("days", "history", "reasons", "map")]
    assert sum(len(data_uri(svg)) for svg in pictures) < 45_000


def test_days_show_weekends_apart_and_rejected_trips_on_top() -> None:
    found = _marks(PLOTS["days"]())
    assert found["#0072b2"] == 22 + 1, "22 weekdays and the legend"
    assert found["#56b4e9"] == 9 + 1
    assert found["#d55e00"] == 1 + 1


def test_days_name_what_lies_outside_the_month() -> None:
    said = words(PLOTS["days"]())
    assert "1,003 of 62,003 rejected (1.62 %)" in said
    assert "3 strays of other months, 2008-12-31 to 2023-02-01" in said
    assert "The month has no trips." in words(PLOTS["no day"]())


def test_large_numbers_are_told_in_thousands_and_millions() -> None:
    many = Profile(rows=20_000_000, days=Counter({day: count * 350 for day, count in DAYS.items()}))
    assert "High-volume for-hire vehicle, thousand trips" in words(trips_by_day(HIGH_VOLUME, JANUARY, many))
    said = words(PLOTS["history"]())
    assert "Thousand trips" in said
    assert "January: 60,000" in said
    assert "January: 1.5 million USD" in said
    assert "January: 1.23 %" in said


def test_a_service_without_money_has_no_panel_for_it() -> None:
    svg = month_against_history(
        SERVICES["fhv"], JANUARY, _summaries("2022-12-01", "2023-01-01", revenue=None)
    )
    assert "USD" not in svg
    assert "Thousand trips" in words(svg)


def test_months_that_are_not_known_are_gaps() -> None:
    with_gaps = _summaries("2022-01-01", "2022-02-01", "2022-06-01", "2023-01-01")
    assert _marks(month_against_history(GREEN, JANUARY, with_gaps))["#0072b2"] == 3 * 3, "pieces a panel"
    assert _marks(PLOTS["history"]())["#0072b2"] == 3
    assert "not known" in words(PLOTS["nothing known"]())


def test_reasons_are_told_most_frequent_first_and_none_that_nothing_broke() -> None:
    said = words(PLOTS["reasons"]())
    assert said.index("negative amount") < said.index("300, 0.48 %") < said.index("pickup outside month")
    assert "3, less than 0.01 %" in said
    assert "dropoff" not in said
    assert "None of 0 published rows was." in words(PLOTS["no reason"]())


def test_the_map_says_what_it_can_not_show() -> None:
    assert "No pickup zone is published for this month." in words(PLOTS["no zone"]())
    assert "All 9 pickups are at no known zone." in words(pickup_map({264: 9}))
    assert "25 % at no known zone or outside the city" in words(pickup_map({74: 3, 265: 1}))


def test_zones_that_are_drawn_as_part_of_another_are_counted_there() -> None:
    assert pickup_map({56: 1, 57: 2}) == pickup_map({56: 3})


def test_the_map_draws_every_zone_and_the_busy_ones_darker() -> None:
    quiet, busy = _marks(pickup_map({74: 1})), _marks(pickup_map({74: 1, 75: 5_000}))
    assert quiet.total() == busy.total() - 5, "five shades more in the legend"
    said = words(pickup_map({74: 1, 75: 5_000}))
    assert [line for line in said.splitlines() if "to" in line or "or more" in line][:6] == [
        "5,000 or more",
        "2,000 to 4,999",
        "1,000 to 1,999",
        "500 to 999",
        "200 to 499",
        "1 to 199",
    ]


def test_a_markdown_image_tells_what_it_shows_to_those_who_can_not_see_it() -> None:
    image = markdown_image(PLOTS["reasons"]())
    assert image.startswith(
        "![Why rows were rejected. negative amount 300; pickup outside month 3; of 62,003"
    )
    assert re.fullmatch(r"!\[[^\]\n]*\]\(data:image/svg\+xml;base64,[A-Za-z0-9+/=]+\)", image)
