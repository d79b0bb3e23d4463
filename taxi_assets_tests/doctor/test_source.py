"""The source in trouble: unreachable, refusing, a login page, out of date; and directories."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from google.cloud.storage import Client  # type: ignore[import-untyped]

from taxi_assets.doctor.finding import Finding
from taxi_assets.doctor.source import examine_source, published_month
from taxi_assets.tlc.services import SERVICES
from taxi_assets_tests.doctor.conftest import SettingsWith, by_subject, look, only_problem
from taxi_assets_tests.servers.cdn import Cdn, serve_cdn
from taxi_assets_tests.servers.faults import Fault, html, status
from taxi_assets_tests.servers.gcs import fake_gcs

GREEN = SERVICES["green"]
RECENT = GREEN.file_name(published_month(datetime.now(UTC).date()))
OLD = GREEN.file_name(date(2024, 1, 1))


@pytest.fixture
def cdn(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cdn]:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    with serve_cdn() as server:
        yield server


def findings(settings_with: SettingsWith, url: str) -> list[Finding]:
    return look(examine_source, settings_with(source_url=url), "TAXI_SOURCE_URL")


@pytest.mark.parametrize(
    ("today", "month"), [(date(2026, 7, 31), date(2026, 1, 1)), (date(2026, 6, 1), date(2025, 12, 1))]
)
def test_a_month_half_a_year_ago_is_surely_published(today: date, month: date) -> None:
    assert published_month(today) == month


def test_a_published_month_is_there_with_its_size(cdn: Cdn, settings_with: SettingsWith) -> None:
    cdn.publish(f"trip-data/{RECENT}", b"x" * 1_500_000, datetime(2026, 3, 4, tzinfo=UTC))
    (found,) = findings(settings_with, cdn.trip_data)
    assert found.level == "ok"
    assert "1.5 MB, changed 2026-03-04" in found.found
    assert cdn.downloads() == []


def test_a_mirror_without_new_months_is_a_warning(cdn: Cdn, settings_with: SettingsWith) -> None:
    cdn.publish(f"trip-data/{OLD}", b"x")
    (found,) = findings(settings_with, cdn.trip_data)
    assert found.level == "warning"
    assert "mirror" in found.remedy


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ([], "HTTP 403 or 404"),
        (status(404, times=2, on_head=True), "HTTP 403 or 404"),
        (status(401, on_head=True), "found HTTP 401"),
        (status(503, on_head=True), "HTTP 503"),
        ([replace(html(), on_head=True)], "HTML page"),
    ],
    ids=["403", "404", "401", "503", "HTML"],
)
def test_an_answer_that_is_no_file_is_a_problem(
    faults: list[Fault], said: str, cdn: Cdn, settings_with: SettingsWith
) -> None:
    if faults:
        cdn.publish(f"trip-data/{RECENT}", b"x")
        cdn.script(f"trip-data/{RECENT}", *faults)
    problem = only_problem(findings(settings_with, cdn.trip_data.replace("//", "//me:secret99@")))
    assert problem.setting == "TAXI_SOURCE_URL"
    assert said in problem.found
    assert "TAXI_SOURCE_URL" in problem.remedy
    assert "secret99" not in repr(problem)


def test_an_unreachable_port_is_a_problem_at_once(
    settings_with: SettingsWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    problem = only_problem(findings(settings_with, "http://127.0.0.1:1/trip-data"))
    assert problem.subject == "connection"
    assert "refused" in problem.found
    assert "network" in problem.remedy


def test_a_bucket_is_asked_for_the_month(
    settings_with: SettingsWith, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_gcs(tmp_path / "objects") as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.endpoint)
        bucket = Client().bucket(server.create_bucket("tlc"))
        assert only_problem(findings(settings_with, "gs://tlc/trip-data")).subject == "months"
        bucket.blob(f"trip-data/{RECENT}").upload_from_string(b"x" * 1_200_000)
        (found,) = findings(settings_with, "gs://tlc/trip-data")
    assert found.level == "ok"
    assert "1.2 MB" in found.found


def test_a_directory_tells_its_months_and_the_zones(settings_with: SettingsWith, tmp_path: Path) -> None:
    names = ["green_tripdata_2024-01.parquet", "green_tripdata_2024-01.csv.gz", "fhv_tripdata_2024-02.csv"]
    for name in [
        *names,
        "green_tripdata_2024-13.parquet",
        "green_tripdata_2024-03.parquet.part",
        "notes.txt",
    ]:
        (tmp_path / name).touch()
    found = by_subject(findings(settings_with, str(tmp_path)))
    assert found["months"].level == "ok"
    assert "yellow 0, green 1, fhv 1, fhvhv 0" in found["months"].found
    assert found["zones"].level == "warning"
    (tmp_path / "taxi_zone_lookup.csv").touch()
    assert by_subject(findings(settings_with, tmp_path.as_uri()))["zones"].level == "ok"


def test_an_empty_or_absent_directory_is_a_problem(settings_with: SettingsWith, tmp_path: Path) -> None:
    empty = only_problem(findings(settings_with, str(tmp_path)))
    assert "no file named like green_tripdata_2024-01.parquet" in empty.found
    absent = only_problem(findings(settings_with, str(tmp_path / "disk")))
    assert "Mount it" in absent.remedy


def test_synthetic_months_are_called_invented(settings_with: SettingsWith) -> None:
    (found,) = findings(settings_with, "synthetic?rows=100")
    assert (found.level, found.subject) == ("ok", "synthetic")
    assert "invented" in found.found
    assert only_problem(findings(settings_with, "synthetic?row=100")).setting == "TAXI_SOURCE_URL"
