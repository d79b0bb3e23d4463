"""A service whose newest month is overdue is told of, whatever else was loaded meanwhile."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxi_assets.checks.newest import judge
from taxi_assets.tlc.services import SERVICES

GREEN = SERVICES["green"]
days = st.dates(date(2020, 1, 1), date(2035, 1, 1))


@pytest.mark.parametrize(
    ("newest", "on", "passed"),
    [
        (date(2026, 6, 1), date(2026, 10, 14), True),  # July ended 75 days ago: it may still come
        (date(2026, 6, 1), date(2026, 11, 14), True),  # 105 days
        (date(2026, 6, 1), date(2026, 11, 15), False),  # 106 days: never was one later
        (date(2026, 7, 1), date(2026, 11, 15), True),
        (date(2026, 9, 1), date(2026, 11, 15), True),
    ],
)
def test_a_month_is_overdue_after_the_longest_lag_ever_seen(newest: date, on: date, passed: bool) -> None:
    assert judge(GREEN, newest, on)[0] is passed


def test_who_keeps_a_piece_of_history_or_nothing_waits_for_no_new_month() -> None:
    assert judge(GREEN, date(2015, 3, 1), date(2026, 11, 15))[0]
    assert judge(GREEN, None, date(2026, 11, 15))[0]


@given(on=days, newest=days)
def test_what_was_fresh_becomes_overdue_once_and_only_by_the_passing_of_days(on: date, newest: date) -> None:
    newest = newest.replace(day=1)
    fails = [not judge(GREEN, newest, on + timedelta(days=more))[0] for more in range(0, 900, 7)]
    changes = sum(before != after for before, after in pairwise(fails))
    assert changes <= 2, "it is new, it is overdue, it is history"
