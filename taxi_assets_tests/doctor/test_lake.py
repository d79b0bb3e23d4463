"""The lake in trouble: no directory, no bucket, no right, no credentials, no answer."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from google.cloud.storage import Client  # type: ignore[import-untyped]

from taxi_assets.doctor.finding import Finding
from taxi_assets.doctor.lake import bucket_properties, examine_lake
from taxi_assets.doctor.watch import Check, watched
from taxi_assets_tests.doctor.answers import answering, bucket, refusal
from taxi_assets_tests.doctor.conftest import SettingsWith, by_subject, look, only_problem
from taxi_assets_tests.servers.gcs import GcsServer, fake_gcs


@pytest.fixture
def gcs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GcsServer]:
    with fake_gcs(tmp_path / "objects") as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.endpoint)
        yield server


def findings(settings_with: SettingsWith, url: str) -> list[Finding]:
    return look(examine_lake, settings_with(lake_url=url), "TAXI_LAKE_URL")


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_a_directory_takes_an_object_and_keeps_none(
    form: str, settings_with: SettingsWith, tmp_path: Path
) -> None:
    found = by_subject(findings(settings_with, form.format(tmp_path / "lake")))
    assert {one.level for one in found.values()} == {"ok"}
    assert {"directory", "free space", "objects"} == found.keys()
    assert [path.name for path in (tmp_path / "lake").iterdir()] == [".scratch"]


def test_a_file_in_the_way_names_the_variable(settings_with: SettingsWith, tmp_path: Path) -> None:
    (tmp_path / "lake").touch()
    problem = only_problem(findings(settings_with, str(tmp_path / "lake")))
    assert problem.setting == "TAXI_LAKE_URL"
    assert "TAXI_LAKE_URL" in problem.remedy


def test_a_bucket_takes_an_object_and_keeps_none(gcs: GcsServer, settings_with: SettingsWith) -> None:
    gcs.create_bucket("lake")
    found = by_subject(findings(settings_with, "gs://lake/some/prefix"))
    assert {one.level for one in found.values()} == {"ok"}
    assert "storage class STANDARD" in found["bucket"].found
    assert list(Client().list_blobs("lake")) == []


def test_a_missing_bucket_says_how_to_make_it(gcs: GcsServer, settings_with: SettingsWith) -> None:
    problem = only_problem(findings(settings_with, "gs://lake/prefix"))
    assert problem.setting == "TAXI_LAKE_URL"
    assert "bucket lake does not exist" in problem.found
    assert "gcloud storage buckets create gs://lake" in problem.remedy


@pytest.mark.parametrize(
    ("storage_class", "versioning", "remedy"),
    [("STANDARD", True, "lifecycle"), ("COLDLINE", False, "--default-storage-class=STANDARD")],
)
def test_a_bucket_that_costs_more_than_it_must_is_a_warning(
    storage_class: str,
    versioning: bool,
    remedy: str,
    settings_with: SettingsWith,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with answering(200, bucket("EUROPE-WEST1", storage_class, versioning)) as endpoint:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", endpoint)
        (found,) = look(
            lambda settings: [bucket_properties(settings.lake_url)], settings_with(lake_url="gs://lake")
        )
    assert (found.setting, found.level) == ("TAXI_LAKE_URL", "warning")
    assert "EUROPE-WEST1" in found.found
    assert remedy in found.remedy


def test_properties_that_may_not_be_seen_are_not_needed(
    settings_with: SettingsWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(403, refusal(403, "no storage.buckets.get access")) as endpoint:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", endpoint)
        (found,) = look(
            lambda settings: [bucket_properties(settings.lake_url)], settings_with(lake_url="gs://lake")
        )
    assert found.level == "ok"


@pytest.mark.parametrize(
    ("status", "subject", "remedy"),
    [(403, "rights", "roles/storage.objectUser on gs://lake"), (401, "credentials", "gcloud auth")],
)
def test_a_refusal_names_the_role_that_is_missing(
    status: int,
    subject: str,
    remedy: str,
    settings_with: SettingsWith,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with answering(status, refusal(status, "loader has no storage.objects.create access")) as endpoint:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", endpoint)
        problem = only_problem(findings(settings_with, "gs://lake/prefix"))
    assert problem.subject == subject
    assert remedy in problem.remedy


def test_no_credentials_is_a_problem_before_any_request(
    settings_with: SettingsWith, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    problem = only_problem(findings(settings_with, "gs://lake/prefix"))
    assert problem.subject == "credentials"
    assert "gcloud auth application-default login" in problem.remedy


def test_a_store_that_does_not_answer_is_given_up(
    settings_with: SettingsWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    check = Check("TAXI_LAKE_URL", "lake", examine_lake, limit=1.5)
    problem = only_problem(watched(check, settings_with(lake_url="gs://lake/prefix")))
    assert "no answer within 1.5 s" in problem.found
    assert "TAXI_LAKE_URL" in problem.remedy
