"""Settings over embedded stores and invented months, to be spoilt one at a time; and a way to look."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from taxi_assets.doctor.finding import Finding
from taxi_assets.doctor.watch import Check, watched
from taxi_assets.settings import Settings

SettingsWith: TypeAlias = Callable[..., Settings]


@pytest.fixture
def settings_with(tmp_path: Path) -> SettingsWith:
    """Makes settings: the defaults below a directory of the test's own, but for what it is given."""
    default = Settings.from_environment({"TAXI_HOME": str(tmp_path / "home"), "TAXI_SOURCE_URL": "synthetic"})

    def make(**changes: Any) -> Settings:
        return replace(default, **changes)

    return make


def look(run: Callable[[Settings], Any], settings: Settings, setting: str = "TAXI_X") -> list[Finding]:
    """What one examination finds, as the doctor runs it."""
    return watched(Check(setting, "whole", run), settings)


def only_problem(findings: list[Finding]) -> Finding:
    """The one problem among ``findings``."""
    (problem,) = [one for one in findings if one.level == "problem"]
    assert problem.remedy
    return problem


def by_subject(findings: list[Finding]) -> dict[str, Finding]:
    """Findings by subject; each subject once."""
    found = {one.subject: one for one in findings}
    assert len(found) == len(findings)
    return found
