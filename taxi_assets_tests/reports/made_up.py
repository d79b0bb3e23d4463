"""Evidence made by hand: a month that is in order, to be changed in what a test is about."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from taxi_assets.reports.evidence import Copy, Evidence, Numbers, Verdict
from taxi_assets.reports.monthly import monthly_page
from taxi_assets.tlc.profile import Profile
from taxi_assets.tlc.services import SERVICES, ServiceName, previous_month
from taxi_assets_tests.reports.parsed import Page

MONTH = date(2024, 3, 1)
MADE = datetime(2024, 6, 1, 12, 30, tzinfo=UTC)
LOADED = datetime(2024, 5, 20, 4, 30, tzinfo=UTC).timestamp()

_SUMS = {
    "yellow": {
        "total_amount": 20_000.0,
        "tip_amount": 2_000.0,
        "trip_distance": 3_000.0,
        "seconds": 720_000.0,
    },
    "fhv": {"seconds": 720_000.0},
    "fhvhv": {"base_passenger_fare": 18_000.0, "tips": 2_000.0, "trip_miles": 3_000.0, "seconds": 720_000.0},
}


def month(name: ServiceName, **changed: Any) -> Evidence:
    """March 2024 of a service in order, in two targets, and February before it."""
    sums = _SUMS.get(name, _SUMS["yellow"])
    profile = Profile(
        rows=990,
        rejected=10,
        days=Counter({date(2024, 3, 2): 600, date(2024, 3, 3): 399, date(2009, 1, 1): 1}),
        rejected_days=Counter({date(2024, 3, 2): 9, date(2009, 1, 1): 1}),
        zones=Counter({132: 700, 1: 290}),
        sums=sums,
    )
    money = (profile.revenue(name), profile.tips(name), profile.miles(name), profile.hours)
    before = Numbers(previous_month(MONTH), 900, 100, *(one and one / 2 for one in money))
    proofs = [
        ("cleaned", "conserves_rows_and_money"),
        ("lake", "matches_cleaned"),
        ("warehouse", "matches_cleaned"),
    ]
    evidence = Evidence(
        SERVICES[name],
        MONTH,
        {
            "file": f"{name}_tripdata_2024-03.parquet",
            "url": f"https://published.example/{name}_tripdata_2024-03.parquet",
            "last_modified": "Tue, 07 May 2024 12:00:00 GMT",
            "sha256": "0123456789abcdef" * 4,
            "bytes": "60000000",
        },
        1000,
        990,
        10,
        "v1",
        reasons={"impossible_duration": 9, "pickup_outside_month": 1},
        profile=profile,
        history=(before, Numbers(MONTH, 990, 10, *money)),
        copies=(Copy("lake", 990, "v1", LOADED), Copy("warehouse", 990, "v1", LOADED)),
        verdicts=tuple(
            Verdict(stage, check, True, True, "as it should be", LOADED) for stage, check in proofs
        ),
    )
    return replace(evidence, **changed)


def shown(
    *found: Evidence, zones: dict[int, str] | None = None, secrets: frozenset[str] = frozenset()
) -> Page:
    """The page of these services; it has no fault."""
    page = Page(monthly_page(MONTH, found, zones or {}, frozenset({date(2024, 4, 1)}), secrets, MADE))
    assert page.faults == []
    return page
