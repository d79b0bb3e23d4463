"""What the checks say of a month by its profile: nulls against the year before, codes and their meanings."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import cast

import pytest

from taxi_assets.assets.content import PROFILE
from taxi_assets.checks import codes, nulls, schema_drift
from taxi_assets.checks.profiles import Profiles
from taxi_assets.targets.target import Held, Target
from taxi_assets.tlc.codes import CODES, is_known
from taxi_assets.tlc.profile import Profile
from taxi_assets.tlc.schema import COLUMNS
from taxi_assets.tlc.services import SERVICES, parse_month

GREEN = SERVICES["green"]
ROWS = 1000


@dataclass
class Lake:
    """Months with their facts; counts how often it is asked."""

    months: dict[date, Mapping[str, str]] = field(default_factory=dict)
    asked: list[date] = field(default_factory=list)

    def table_name(self, path: list[str]) -> str:
        return "/".join(path)

    def held(self, table: str, month: date) -> Held | None:
        assert table == "cleaned/green_trips"
        self.asked.append(month)
        return Held(ROWS, self.months[month]) if month in self.months else None


def profiles(shares: Mapping[str, float], file: str = "x.parquet") -> tuple[Lake, Profiles]:
    """Months with the given share of missing passenger counts, and no other null."""
    lake = Lake()
    for month, share in shares.items():
        profile = Profile(rows=ROWS, nulls=Counter(passenger_count=round(share * ROWS)))
        lake.months[parse_month(month)] = {PROFILE: profile.to_json(), "file": file}
    return lake, Profiles(GREEN, cast("Target", lake))


@pytest.mark.parametrize(
    ("share", "passed"),
    [(0.0, True), (0.05, True), (0.16, True), (0.17, False), (1.0, False)],
)
def test_a_share_of_nulls_far_outside_the_year_before_is_a_warning(share: float, passed: bool) -> None:
    _, found = profiles({"2023-12": 0.04, "2024-01": 0.06, "2024-02": share})
    verdict = nulls.judge(found, parse_month("2024-02"))
    assert verdict.passed == passed
    if not passed:
        assert verdict.description == f"passenger_count: {share:.1%} are null, 4.0% to 6.0% before"


def test_a_column_that_was_empty_and_is_full_is_told_too() -> None:
    _, found = profiles({"2023-12": 1.0, "2024-01": 1.0, "2024-02": 0.0})
    assert not nulls.judge(found, parse_month("2024-02")).passed


@pytest.mark.parametrize(
    "shares",
    [
        {"2024-01": 0.0, "2024-02": 1.0},
        {"2022-11": 0.0, "2022-12": 0.0, "2024-01": 0.0, "2024-02": 1.0},
        {"2024-03": 0.0, "2024-04": 0.0, "2024-02": 1.0},
    ],
    ids=["one month", "one within the year", "later months"],
)
def test_nothing_is_judged_by_less_than_two_months_of_the_year_before(shares: Mapping[str, float]) -> None:
    _, found = profiles(shares)
    verdict = nulls.judge(found, parse_month("2024-02"))
    assert verdict.passed
    assert "too few earlier months" in verdict.description


def test_a_csv_copy_is_not_compared_with_parquet_files() -> None:
    lake, found = profiles({"2020-08": 0.0, "2020-09": 0.0, "2020-10": 1.0})
    october = parse_month("2020-10")
    lake.months[october] = {**lake.months[october], "file": "x.csv.gz"}
    assert "too few earlier months" in nulls.judge(found, october).description


def test_a_column_is_judged_only_by_months_in_which_it_was_published_with_values() -> None:
    _, found = profiles({"2018-12": 0.0, "2019-01": 0.0, "2025-01": 0.0})
    assert "congestion_surcharge" not in nulls.shares(found, parse_month("2018-12"))  # at times a null column
    assert "congestion_surcharge" in nulls.shares(found, parse_month("2019-01"))
    assert "cbd_congestion_fee" not in nulls.shares(found, parse_month("2019-01"))
    assert "cbd_congestion_fee" in nulls.shares(found, parse_month("2025-01"))


def test_months_of_one_run_look_a_profile_up_once() -> None:
    lake, found = profiles(dict.fromkeys(("2024-01", "2024-02", "2024-03", "2024-04"), 0.0))
    for month in lake.months:
        nulls.judge(found, month)
    assert len(lake.asked) == len(set(lake.asked))


def test_a_month_that_was_cleaned_before_there_were_profiles_passes_with_words() -> None:
    lake, found = profiles({"2024-01": 0.0})
    lake.months[parse_month("2024-02")] = {}
    verdict = nulls.judge(found, parse_month("2024-02"))
    assert (verdict.passed, verdict.description) == (True, "the month has no profile to judge by")


@pytest.mark.parametrize(("rows", "passed"), [(0, True), (5, True), (6, False)])
def test_values_without_a_meaning_are_named_and_more_than_strays_are_a_warning(
    rows: int, passed: bool
) -> None:
    counts = Counter({"1": ROWS - rows, "9": rows} if rows else {"1": ROWS})
    profile = Profile(rows=ROWS, zones=Counter({7: ROWS}), codes={"vendor_id": counts})
    verdict = codes.judge(profile)
    assert verdict.passed == passed
    assert ("vendor_id: 9" in verdict.description) == bool(rows)
    if rows:
        assert f"| vendor_id | 9 | {rows} | {rows / ROWS:.3%} |" in verdict.metadata["unknown"].value


def test_a_pickup_outside_all_zones_has_no_meaning() -> None:
    verdict = codes.judge(Profile(rows=ROWS, zones=Counter({7: 900}), nulls=Counter(pu_location_id=50)))
    assert verdict.description == "without a meaning: pu_location_id: outside 1 to 265 (5.26% of the values)"


def test_every_column_of_codes_that_is_counted_has_a_table_of_meanings() -> None:
    counted = {column.name for column in COLUMNS if column.unit in ("code", "TLC licence")}
    assert counted == set(CODES)
    assert all(is_known(name, value.lower()) for name, values in CODES.items() for value in values)
    assert is_known("payment_method", "No ")


def test_the_log_of_drift_names_the_month_before_and_what_is_unknown() -> None:
    def facts(**columns: str) -> dict[str, str]:
        return {"columns": json.dumps(columns)}

    held: dict[date, Mapping[str, str]] = {
        parse_month("2024-01"): facts(extra="double"),
        parse_month("2024-02"): {"etag": "fetched before columns were noted"},
        parse_month("2024-04"): facts(extra="double", surprise="int64"),
    }
    verdict = schema_drift.judge("green", parse_month("2024-04"), held)
    assert not verdict.passed
    assert verdict.metadata["compared_with"] == "2024-01"
    assert verdict.description.endswith("(taxi_assets/tlc/schema.py): added surprise int64")
    assert "not noted" in schema_drift.judge("green", parse_month("2024-02"), held).description
    assert "no earlier file" in schema_drift.judge("green", parse_month("2024-01"), held).description


def test_a_code_of_several_lines_and_of_markup_stays_text_in_its_own_row() -> None:
    odd = "<b>a|b</b>\n| x | \\| `y`"
    verdict = codes.judge(Profile(rows=10, codes={"hvfhs_license_num": Counter({odd: 4, "HV0003": 6})}))
    assert "\n" not in verdict.description
    head, _, *rows = verdict.metadata["unknown"].value.split("\n")
    (row,) = [one for one in rows if one.startswith("| hvfhs_license_num ")]
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) == head.count("|")
    assert "<b>" not in row.replace("\\<", "")
    assert row.endswith(" | 4 | 40.000% |")
