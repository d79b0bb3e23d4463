"""``TAXI_HOME``, and where Dagster keeps its history."""

from collections.abc import Iterator
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from taxi_assets.doctor.directory import directory
from taxi_assets.doctor.finding import About, Finding
from taxi_assets.instance import is_installed
from taxi_assets.settings import Settings

_MARK = "taxi-assets"  # in the first lines of our dagster.yaml, which people edit where it is copied to
_LAUNCHERS = ("taxi_assets.run_launcher", "taxi_assets.scale_out.launcher")


def examine_home(settings: Settings) -> Iterator[Finding]:
    """The directory of all that is embedded."""
    return directory(About("TAXI_HOME"), settings.home)


def examine_dagster(settings: Settings) -> Iterator[Finding]:
    """Dagster's version, its home, and whose ``dagster.yaml`` is there."""
    about = About("DAGSTER_HOME")
    yield about.ok("version", f"Dagster {version('dagster')}")
    if is_installed(settings.dagster_home):
        told = f"{settings.dagster_home} belongs to the installation and can't be written, as it should be"
        yield about.ok("directory", told)
        return
    yield from directory(about, settings.dagster_home)
    yield _instance(about, settings.dagster_home / "dagster.yaml")


def _instance(about: About, file: Path) -> Finding:
    if not file.is_file():
        return about.ok("dagster.yaml", "not there yet, `taxi-assets dev` puts ours there")
    written = file.read_text(encoding="utf-8", errors="replace")
    if written == (files("taxi_assets") / "dagster.yaml").read_text(encoding="utf-8"):
        return about.ok("dagster.yaml", f"{file} is ours")
    if _MARK in written and not any(launcher in written for launcher in _LAUNCHERS):
        return about.warning(
            "dagster.yaml",
            f"{file} names no launcher that notices runs which died with the machine: they block the queue",
            "Take over run_launcher, concurrency and run_monitoring from taxi_assets/dagster.yaml, or delete "
            "the file: the next start puts ours there.",
        )
    if _MARK in written:
        return about.ok("dagster.yaml", f"{file} is ours, edited")
    return about.warning(
        "dagster.yaml",
        f"{file} is not ours: history, queue and run launcher are somebody else's",
        "If that is not meant, set DAGSTER_HOME to a directory of its own.",
    )
