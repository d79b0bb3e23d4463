"""Months and days: plain functions over the first day of a month."""

from datetime import date

from taxi_assets.tlc.services import days_of, months_before


def test_the_months_before_are_told_oldest_first_and_over_a_year() -> None:
    assert months_before(date(2024, 2, 1), 3) == [date(2023, 11, 1), date(2023, 12, 1), date(2024, 1, 1)]
    assert months_before(date(2024, 2, 1), 0) == []


def test_a_month_has_all_its_days_and_no_other() -> None:
    days = days_of(date(2024, 2, 1))
    assert (days[0], days[-1], len(days)) == (date(2024, 2, 1), date(2024, 2, 29), 29)
