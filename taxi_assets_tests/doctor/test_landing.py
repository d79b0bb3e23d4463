"""The landing place: counted where it can be read, a problem where it can't, no word where there is none."""

from pathlib import Path

from taxi_assets.doctor.landing import examine_landing
from taxi_assets_tests.doctor.conftest import SettingsWith, look, only_problem


def test_a_landing_place_tells_its_months_and_what_else_lies_there(
    settings_with: SettingsWith, tmp_path: Path
) -> None:
    for name in ("green_tripdata_2024-01.parquet", "fhv_tripdata_2024-01.csv", "notes.txt"):
        (tmp_path / name).touch()
    (found,) = look(examine_landing, settings_with(landing_url=str(tmp_path)), "TAXI_LANDING_URL")
    assert found.level == "ok"
    assert found.found.endswith("can be read: 2 months, 1 other files")


def test_a_landing_place_that_is_not_there_is_a_problem(settings_with: SettingsWith, tmp_path: Path) -> None:
    settings = settings_with(landing_url=str(tmp_path / "disk"))
    problem = only_problem(look(examine_landing, settings, "TAXI_LANDING_URL"))
    assert "expected a directory" in problem.found
    assert "TAXI_SOURCE_URL" not in problem.found


def test_no_landing_place_is_nothing_to_examine(settings_with: SettingsWith) -> None:
    assert list(examine_landing(settings_with())) == []
