"""What steps print is kept in the lake, whichever kind of place that is."""

from pathlib import Path

import pytest
import yaml
from dagster import DagsterInstance
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager

from taxi_assets_tests.servers.gcs import fake_gcs

ROOT = Path(__file__).parents[2]


def manager(home: Path, lake: str, monkeypatch: pytest.MonkeyPatch) -> object:
    """The log manager of an instance whose settings are production's in this one point."""
    monkeypatch.setenv("TAXI_LAKE_URL", lake)
    production = yaml.safe_load((ROOT / "deploy/dagster.yaml").read_text())
    (home / "dagster.yaml").write_text(yaml.safe_dump({"compute_logs": production["compute_logs"]}))
    with DagsterInstance.from_config(str(home)) as instance:
        return instance.compute_log_manager


def test_logs_of_a_lake_in_a_directory_are_beside_its_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = manager(tmp_path, str(tmp_path / "lake"), monkeypatch)
    assert isinstance(made, LocalComputeLogManager)
    assert made._base_dir == str(tmp_path / "lake" / "compute_logs")


def test_logs_of_a_lake_in_a_bucket_are_in_that_bucket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dagster_gcp.gcs import GCSComputeLogManager

    with fake_gcs(tmp_path / "gcs") as server:  # the manager looks the bucket up when it is made
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.endpoint)
        server.create_bucket("bucket")
        made = manager(tmp_path, "gs://bucket/some/where/", monkeypatch)
    assert isinstance(made, GCSComputeLogManager)
    assert (made._bucket.name, made._prefix) == ("bucket", "some/where/compute_logs")
