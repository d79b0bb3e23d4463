"""The warehouse in trouble: a DuckDB file that somebody has, a dataset elsewhere, a right that lacks."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from taxi_assets.doctor import warehouse
from taxi_assets.doctor.finding import Finding
from taxi_assets.doctor.warehouse import examine_warehouse
from taxi_assets.targets.bigquery.connection import EMULATOR_VARIABLE
from taxi_assets_tests.doctor.answers import answering
from taxi_assets_tests.doctor.answers import bucket as bucket_in
from taxi_assets_tests.doctor.conftest import SettingsWith, by_subject, look, only_problem
from taxi_assets_tests.servers.bigquery import EmulatorUnavailable, bigquery_emulator
from taxi_assets_tests.servers.bigquery_api import Api, Fault, bigquery_api

DATASET = "bigquery://acme/taxi?location=US"
HOLDER = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


def findings(settings_with: SettingsWith, url: str, **more: str) -> list[Finding]:
    return look(examine_warehouse, settings_with(warehouse_url=url, **more), "TAXI_WAREHOUSE_URL")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A DuckDB file with one table."""
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE trips (n int)")
    return path


def test_a_file_tells_its_size_and_tables(file: Path, settings_with: SettingsWith) -> None:
    found = by_subject(findings(settings_with, f"duckdb:///{file}"))["file"]
    assert found.level == "ok"
    assert "MB, 1 tables" in found.found


def test_a_file_that_is_not_there_is_fine_and_is_not_made(
    tmp_path: Path, settings_with: SettingsWith
) -> None:
    found = findings(settings_with, f"duckdb:///{tmp_path}/new/warehouse.duckdb")
    assert {one.level for one in found} == {"ok"}
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_another_process_has_names_the_process(
    file: Path, settings_with: SettingsWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse, "_WAIT_FOR_FILE", 0.2)
    command = [sys.executable, "-c", HOLDER, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        problem = only_problem(findings(settings_with, f"duckdb:///{file}"))
        holder.communicate("")
    assert problem.setting == "TAXI_WAREHOUSE_URL"
    assert f"process {holder.pid}" in problem.found
    assert "Close it there" in problem.remedy
    assert {one.level for one in findings(settings_with, f"duckdb:///{file}")} == {"ok"}


def test_a_file_that_is_no_database_is_a_problem(tmp_path: Path, settings_with: SettingsWith) -> None:
    path = tmp_path / "warehouse.duckdb"
    path.write_text("these are not the bytes of a database\n" * 1000)
    problem = only_problem(findings(settings_with, f"duckdb:///{path}"))
    assert f"Move {path} away" in problem.remedy
    assert "TAXI_WAREHOUSE_URL" in problem.remedy


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    with bigquery_api() as running:
        monkeypatch.setenv(EMULATOR_VARIABLE, running.endpoint)
        yield running


def make_dataset(api: Api, location: str) -> None:
    reference = {"projectId": "acme", "datasetId": "taxi"}
    api.datasets["taxi"] = {"datasetReference": reference, "location": location}


def test_a_dataset_is_tried_by_a_dry_run_and_a_table(api: Api, settings_with: SettingsWith) -> None:
    make_dataset(api, "US")
    found = by_subject(findings(settings_with, DATASET))
    assert {one.level for one in found.values()} == {"ok"}
    assert {"jobs", "dataset", "rights"} == found.keys()
    (job,) = api.asked("POST", ".*/jobs")
    assert job.body["configuration"]["dryRun"] is True
    (made,) = api.asked("POST", ".*/tables")
    assert "expirationTime" in made.body
    (dropped,) = api.asked("DELETE", ".*/tables/_doctor_.*")
    assert dropped.path.endswith(made.body["tableReference"]["tableId"])


def test_a_dataset_elsewhere_says_what_to_set(api: Api, settings_with: SettingsWith) -> None:
    make_dataset(api, "EU")
    problem = only_problem(findings(settings_with, DATASET))
    assert (problem.setting, problem.subject) == ("TAXI_WAREHOUSE_URL", "location")
    assert "is in EU, TAXI_WAREHOUSE_URL says US" in problem.found
    assert "?location=EU" in problem.remedy
    assert api.asked("POST", ".*/tables") == []


def test_a_missing_dataset_is_a_warning_and_is_not_made(api: Api, settings_with: SettingsWith) -> None:
    found = by_subject(findings(settings_with, DATASET))["dataset"]
    assert found.level == "warning"
    assert found.remedy == "bq mk --location=US --dataset acme:taxi"
    assert api.datasets == {}


@pytest.mark.parametrize(
    ("on", "message", "said"),
    [
        ("POST .*/jobs", "Access Denied: bigquery.jobs.create permission", "roles/bigquery.jobUser"),
        ("POST .*/tables", "Access Denied: Permission bigquery.tables.create", "roles/bigquery.dataEditor"),
        ("GET .*/datasets/taxi", "Access Denied: bigquery.datasets.get", "roles/bigquery.dataEditor"),
    ],
)
def test_a_missing_right_names_the_role(
    on: str, message: str, said: str, api: Api, settings_with: SettingsWith
) -> None:
    make_dataset(api, "US")
    api.faults.append(Fault(on, 403, "accessDenied", message))
    problem = only_problem(findings(settings_with, DATASET))
    assert problem.subject == "access"
    assert said in problem.found
    assert "TAXI_WAREHOUSE_URL" in problem.remedy


def test_an_overloaded_service_is_given_up_in_time(
    api: Api, settings_with: SettingsWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse, "_DEADLINE", 0.5)
    api.faults.append(Fault("POST .*/jobs", 503, "backendError", "come back later", times=1000))
    problem = only_problem(findings(settings_with, DATASET))
    assert problem.subject == "connection"
    assert api.endpoint in problem.found


def test_no_credentials_says_how_to_sign_in(
    settings_with: SettingsWith, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(EMULATOR_VARIABLE, raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    problem = only_problem(findings(settings_with, "bigquery://nobody/taxi?location=US"))
    assert "gcloud auth application-default login" in problem.found


@pytest.mark.parametrize(
    ("bucket", "dataset", "level"),
    [
        ("EU", "EU", "ok"),
        ("US-CENTRAL1", "US", "ok"),
        ("US-CENTRAL1", "EU", "warning"),
        ("EU", "US", "warning"),
    ],
)
def test_a_bucket_far_from_the_dataset_is_a_warning(
    bucket: str,
    dataset: str,
    level: str,
    api: Api,
    settings_with: SettingsWith,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_dataset(api, dataset)
    with answering(200, bucket_in(bucket)) as endpoint:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", endpoint)
        url = f"bigquery://acme/taxi?location={dataset}"
        found = by_subject(findings(settings_with, url, lake_url="gs://lake/prefix"))
    assert found["distance"].level == level


def test_the_emulator_is_healthy_and_keeps_no_probe(
    settings_with: SettingsWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    from taxi_assets.targets.bigquery import BigQueryTarget
    from taxi_assets.targets.bigquery.connection import connect
    from taxi_assets.targets.bigquery.names import parse_url

    try:
        with bigquery_emulator() as running:
            monkeypatch.setenv(EMULATOR_VARIABLE, running.endpoint)
            connection = connect(parse_url(DATASET), 20, 20)
            connection.ensure_dataset()
            found = by_subject(findings(settings_with, DATASET))
            assert {one.level for one in found.values()} == {"ok"}
            assert "rights" in found
            assert connection.tables() == []
            assert BigQueryTarget(url=DATASET).partitions("trips") == {}
    except EmulatorUnavailable as reason:
        pytest.skip(str(reason))
