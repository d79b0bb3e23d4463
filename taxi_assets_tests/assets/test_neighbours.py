"""What is unlike the months around: in numbers, and against every month that was ever counted."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from taxi_assets.assets.neighbours import REACH, Size, neighbours_of, unlike_neighbours
from taxi_assets.tlc.published import published_rows
from taxi_assets.tlc.services import SERVICES, next_month

MAY = date(2024, 5, 1)
FACTOR, SHARE = 3.0, 0.05

sizes = st.builds(
    lambda raw, share: Size(raw, int(raw * share)), st.integers(1, 10**7), st.floats(0, 1, exclude_max=True)
)


def unlike(size: Size, *others: Size) -> list[str]:
    around = dict(zip(neighbours_of(MAY), others, strict=False))
    return unlike_neighbours(size, around, FACTOR, SHARE)


def test_the_neighbours_are_three_months_on_either_side_without_the_month_itself() -> None:
    found = neighbours_of(date(2024, 2, 1))
    assert [f"{month:%Y-%m}" for month in found] == [
        *("2023-11", "2023-12", "2024-01"),
        *("2024-03", "2024-04", "2024-05"),
    ]
    assert len(found) == 2 * REACH


def test_a_month_with_a_third_of_the_rows_of_each_neighbour_is_told_in_words() -> None:
    (said,) = unlike(Size(1000, 10), Size(4000, 40), Size(3500, 35), Size(9000, 90))
    assert "1,000 rows, 4.0 times fewer than 2024-02 with 4,000" in said


def test_a_month_with_many_more_rows_than_each_neighbour_is_told_too() -> None:
    (said,) = unlike(Size(40_000, 0), Size(4000, 0), Size(3500, 0))
    assert "10.0 times more than 2024-02 with 4,000" in said


def test_two_neighbours_of_like_size_are_believed_and_one_alone_is_not() -> None:
    assert unlike(Size(1000, 0), Size(9000, 0), Size(1200, 0), Size(1300, 0)) == []
    assert unlike(Size(1000, 0), Size(9000, 0), Size(1200, 0), Size(9000, 0)) != []


def test_rows_are_not_compared_with_a_single_neighbour_that_may_be_odd_itself() -> None:
    assert unlike(Size(10, 0), Size(9000, 0)) == []
    assert unlike(Size(10, 0)) == []


def test_a_share_of_rejected_rows_is_odd_only_above_the_limit_and_far_above_the_neighbours() -> None:
    usual = [Size(1000, 10)] * 3
    assert unlike(Size(1000, 50), *usual) == []
    assert "6.0% of the rows are rejected, 1.0% in the months" in unlike(Size(1000, 60), *usual)[0]
    assert unlike(Size(1000, 60), *usual, Size(1000, 25), Size(1000, 25)) == []
    assert "6.0%" in unlike(Size(1000, 60))[0], "without neighbours the limit alone counts"


@given(st.lists(sizes, max_size=6), sizes)
def test_a_month_like_two_of_its_neighbours_always_passes(others: list[Size], size: Size) -> None:
    assert unlike(size, *others[:4], size, size) == []


@given(st.lists(sizes, max_size=6))
def test_an_empty_month_among_full_ones_never_divides_by_zero(others: list[Size]) -> None:
    unlike(Size(0, 0), *others)
    unlike(Size(10, 0), Size(0, 0), Size(0, 0))


def _odd_by_rows(*, later_months_known: bool) -> list[str]:
    found = []
    for service in SERVICES.values():
        month = service.first_month
        while month < date(2026, 12, 1):
            counted = published_rows(service.name, month)
            near = neighbours_of(month) if later_months_known else neighbours_of(month)[:REACH]
            around = {
                one: Size(known.rows, 0) for one in near if (known := published_rows(service.name, one))
            }
            if counted and unlike_neighbours(Size(counted.rows, 0), around, FACTOR, SHARE):
                found.append(f"{service.name} {month:%Y-%m}")
            month = next_month(month)
    return found


def test_of_all_months_that_were_ever_published_few_would_have_waited_for_a_person() -> None:
    assert _odd_by_rows(later_months_known=True) == []
    assert _odd_by_rows(later_months_known=False) == [
        *("yellow 2020-04", "yellow 2020-05", "green 2020-04", "green 2020-05"),
        *("fhv 2019-02", "fhv 2019-03", "fhv 2020-04", "fhvhv 2020-04"),
    ]
