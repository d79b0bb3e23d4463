"""What a check says of a run of many months: those that failed, and why, without a look at each."""

from taxi_assets.checks.by_month import Verdict, _summed_up

FINE = Verdict(True, "as before", {})


def test_months_that_failed_are_told_first_and_in_their_own_words() -> None:
    notable = Verdict(True, "2 columns are new", {}, notable=True)
    odd = Verdict(False, "3,000 rows,\n10 times | more", {})
    told = _summed_up({"2023-01": FINE, "2023-02": notable, "2023-03": odd})
    assert told["description"] == "3 months, failed: 2023-03; something to tell of: 2023-02"
    assert told["metadata"]["verdicts"].value.splitlines()[2:] == [
        "| 2023-03 | **failed** | 3,000 rows, 10 times \\| more |",
        "| 2023-02 | passed | 2 columns are new |",
    ]


def test_a_run_in_which_all_passed_says_only_that() -> None:
    assert _summed_up({"2023-01": FINE}) == {
        "description": "1 months, failed: none",
        "metadata": {"verdicts": "all months passed"},
    }


def test_many_months_that_fail_are_told_in_one_screen() -> None:
    told = _summed_up({f"m{number}": Verdict(False, "no", {}) for number in range(100)})
    assert len(told["metadata"]["verdicts"].value.splitlines()) == 32
    assert told["metadata"]["not_listed"] == "70 more months"
