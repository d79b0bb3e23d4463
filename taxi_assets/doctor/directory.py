"""Directories: can they be written, and is there room for a month."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from taxi_assets.doctor.finding import About, Finding

_GB = 1e9
ENOUGH = 10 * _GB
"""Bytes: the largest month takes 0.5 GB as it is published, as much again cleaned, 4.5 GB in Postgres (23.9
million rows of 190 bytes), and is replaced by a second copy beside it."""

TOO_LITTLE = 1 * _GB


def standing(path: Path) -> Path:
    """``path``, or the nearest directory above it that is there."""
    return next(one for one in (path, *path.parents) if one.exists())


def directory(about: About, path: Path) -> Iterator[Finding]:
    """Whether ``path`` is a directory that can be written, or could be made; and its free space."""
    present = standing(path)
    if not present.is_dir():
        yield about.problem(
            "directory", f"{present} is a file", f"Move it, or set {about.setting} elsewhere."
        )
        return
    try:
        with tempfile.TemporaryFile(dir=present) as probe:
            probe.write(b"written by taxi-assets doctor")
    except OSError as error:
        yield about.problem(
            "directory",
            f"{present} can't be written: {error.strerror}",
            f"Give this user the right to write there, or set {about.setting} to another directory.",
        )
        return
    made = "" if present == path else "; not there yet, the first run makes it"
    yield about.ok("directory", f"{path} can be written{made}")
    yield free_space(about, present)


def free_space(about: About, path: Path) -> Finding:
    """Room on the filesystem of ``path``, which exists."""
    free = shutil.disk_usage(path).free
    found = f"{free / _GB:,.1f} GB free on the filesystem of {path}"
    if free >= ENOUGH:
        return about.ok("free space", found)
    needs = "the largest month needs 0.5 GB raw and 4.5 GB in Postgres"
    remedy = f"Free some, or set {about.setting} to a larger disk: {needs}."
    verdict = about.problem if free < TOO_LITTLE else about.warning
    return verdict("free space", found, remedy)
