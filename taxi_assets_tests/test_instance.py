"""A home keeps the ``dagster.yaml`` that somebody edited; an earlier one of ours gives way to ours."""

import hashlib
from importlib.resources import files
from pathlib import Path

import pytest

from taxi_assets import instance
from taxi_assets.settings import Settings

OURS = files("taxi_assets").joinpath("dagster.yaml").read_text()


@pytest.mark.parametrize(("edited", "kept"), [("", False), ("# mine\n", True)])
def test_an_earlier_dagster_yaml_is_replaced_unless_somebody_edited_it(
    edited: str, kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = "telemetry:\n  enabled: false\n"
    known = hashlib.sha256(earlier.encode()).hexdigest()
    monkeypatch.setattr(instance, "_EARLIER", frozenset({known}))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))  # which is set by what is called
    file = tmp_path / "dagster.yaml"
    file.write_text(earlier + edited)
    instance.prepare_home(Settings.from_environment({"DAGSTER_HOME": str(tmp_path)}))
    assert file.read_text() == (earlier + edited if kept else OURS)


def test_ours_is_not_among_the_earlier_ones() -> None:
    assert hashlib.sha256(OURS.encode()).hexdigest() not in instance._EARLIER
