"""Names in the landing place that are no month's: passed over, or reported once."""

import os
from pathlib import Path

import pytest

from taxi_assets_tests.automation.conftest import Drop
from taxi_assets_tests.automation.daemon import Daemon

NAME = "green_tripdata_2024-01.parquet"


@pytest.mark.parametrize(
    "name",
    [
        ".green_tripdata_2024-01.parquet",
        "green_tripdata_2024-01.parquet.part",
        "_SUCCESS",
        "green_tripdata_2024-01.parquet.tmp",
    ],
)
def test_hidden_and_unfinished_names_are_passed_over_in_silence(
    lander: Daemon, drop: Drop, name: str
) -> None:
    drop(name)
    ticks = [lander.tick() for _ in range(3)]
    assert not any(tick.requests or tick.warnings for tick in ticks)


def test_a_directory_below_is_not_looked_into(lander: Daemon, landing: Path, drop: Drop) -> None:
    (landing / "old").mkdir()
    (landing / "green_tripdata_2024-02.parquet").mkdir()
    drop(f"old/{NAME}")
    ticks = [lander.tick() for _ in range(3)]
    assert not any(tick.requests or tick.warnings for tick in ticks)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("notes.txt", "no month's name"),
        ("green_2024-01.parquet", "no month's name"),
        ("green_tripdata_2024-13.parquet", "no month's name"),
        ("green_tripdata_2013-12.parquet", "green has no such month"),
        ("green_tripdata_2031-01.parquet", "green has no such month"),
        ("green_tripdata_0000-01.parquet", "no month's name"),
    ],
)
def test_a_name_that_is_no_months_is_reported_once_until_it_goes(
    lander: Daemon, drop: Drop, name: str, reason: str
) -> None:
    path = drop(name)
    first = lander.tick()
    (warning,) = first.warnings
    assert warning.startswith(f"passed over: {name} ({reason}). ")
    assert [tick.warnings for tick in (lander.tick(), lander.tick())] == [[], []]
    path.unlink()
    lander.tick()
    assert name not in str(lander.cursor)
    drop(name)
    assert len(lander.tick().warnings) == 1


def test_of_two_files_of_a_month_the_one_that_a_run_finds_counts(lander: Daemon, drop: Drop) -> None:
    drop("green_tripdata_2020-01.csv.gz")
    drop("green_tripdata_2020-01.parquet")
    (warning,) = lander.tick().warnings
    assert "green_tripdata_2020-01.csv.gz (green_tripdata_2020-01.parquet counts)" in warning
    (request,) = lander.tick().requests
    assert str(request.run_key).startswith("landing/green_tripdata_2020-01.parquet/")


def test_of_very_many_strange_names_the_number_is_reported_once_and_what_is_removed_brings_back_no_other(
    lander: Daemon, drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taxi_assets.automation.landing.MOST_STRANGE", 3)
    paths = [drop(f"notes{number}.txt") for number in range(5)]
    (warning,) = lander.tick().warnings
    assert "notes2.txt (no month's name), 2 more. " in warning
    assert "notes3" not in warning
    paths[0].unlink()
    assert [lander.tick().warnings for _ in range(2)] == [[], []]
    paths[4].unlink()
    assert lander.tick().warnings == []
    drop("other1.txt")
    (warning,) = lander.tick().warnings
    assert warning.startswith("passed over: notes3.txt (no month's name), 1 more. ")
    assert len(str(lander.cursor)) < 200


def test_a_name_that_is_no_text_is_reported_once_and_keeps_no_other_file_waiting(
    lander: Daemon, drop: Drop, landing: Path
) -> None:
    os.close(os.open(os.fsencode(landing) + b"/r\xe9sum\xe9.csv", os.O_CREAT))
    drop(NAME)
    lander.tick()
    assert lander.tick().months == ["2024-01"]


def test_a_file_that_went_and_comes_back_is_taken_again(lander: Daemon, drop: Drop, landing: Path) -> None:
    path = drop(NAME)
    lander.tick()
    assert lander.tick().months == ["2024-01"]
    path.rename(landing.parent / NAME)
    lander.tick()
    (landing.parent / NAME).rename(path)
    lander.tick()
    assert lander.tick().months == ["2024-01"]
    assert lander.tick().months == []
