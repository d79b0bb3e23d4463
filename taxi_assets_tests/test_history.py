"""The history that keeps its engines is Dagster's own, file by file."""

import os
import shutil
from importlib.resources import files
from pathlib import Path

import pytest
from dagster import AssetKey, AssetMaterialization, DagsterInstance

from taxi_assets.history import LocalInstance


def home_at(directory: Path) -> Path:
    directory.mkdir()
    shutil.copyfile(str(files("taxi_assets") / "dagster.yaml"), directory / "dagster.yaml")
    return directory


def months(instance: DagsterInstance) -> set[str]:
    return set(instance.get_materialized_partitions(AssetKey("a")))


def test_each_home_has_its_own_history_and_dagsters_own_storage_reads_and_goes_on_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = home_at(tmp_path / "here"), home_at(tmp_path / "there")
    monkeypatch.setenv("DAGSTER_HOME", str(there))
    with DagsterInstance.from_config(str(here)) as instance:
        assert isinstance(instance, LocalInstance)
        instance.report_runless_asset_event(AssetMaterialization("a", partition="2024-01"))
        assert months(instance) == {"2024-01"}
        with DagsterInstance.from_config(str(there)) as other:
            assert months(other) == set()
    (here / "dagster.yaml").write_text("")
    with DagsterInstance.from_config(str(here)) as plain:
        assert not isinstance(plain, LocalInstance)
        assert months(plain) == {"2024-01"}
        plain.report_runless_asset_event(AssetMaterialization("a", partition="2024-02"))
        assert plain.get_runs_count() == 0
    shutil.copyfile(os.fspath(there / "dagster.yaml"), here / "dagster.yaml")
    with DagsterInstance.from_config(str(here)) as instance:
        assert months(instance) == {"2024-01", "2024-02"}
