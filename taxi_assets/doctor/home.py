"""``TAXI_HOME``, and where Dagster keeps its history."""

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from taxi_assets.doctor.directory import directory
from taxi_assets.doctor.finding import About, Finding
from taxi_assets.settings import Settings

OURS = "taxi-assets"
"""A ``dagster.yaml`` that this project wrote says so in a comment."""


def examine_home(settings: Settings) -> Iterator[Finding]:
    """The directory of all that is embedded."""
    return directory(About("TAXI_HOME"), settings.home)


def examine_dagster(settings: Settings, dagster_home: str | None) -> Iterator[Finding]:
    """Dagster's version, its home, and whose ``dagster.yaml`` is there."""
    about = About("DAGSTER_HOME")
    yield about.ok("version", f"Dagster {version('dagster')}")
    if not dagster_home:
        yield about.warning(
            "directory",
            "not set: Dagster keeps its history in a temporary directory and forgets it at its end",
            f"export DAGSTER_HOME={settings.home / 'dagster'}",
        )
        return
    path = Path(dagster_home)
    if not path.is_absolute():
        yield about.problem("directory", f"{path} is relative, Dagster refuses that", "Set an absolute path.")
        return
    yield from directory(about, path)
    yield _instance(about, path / "dagster.yaml")


def _instance(about: About, file: Path) -> Finding:
    if not file.is_file():
        return about.warning(
            "dagster.yaml",
            f"{file} is not there: Dagster runs with its own defaults, without limits of concurrency",
            f"Copy dagster.yaml of {OURS} there.",
        )
    if OURS in file.read_text(encoding="utf-8", errors="replace"):
        return about.ok("dagster.yaml", f"{file} is the one of {OURS}")
    return about.warning(
        "dagster.yaml",
        f"{file} is not the one of {OURS}: history, limits and run launcher are somebody else's",
        "If that is not meant, set DAGSTER_HOME to a directory of its own, or copy that one there.",
    )
