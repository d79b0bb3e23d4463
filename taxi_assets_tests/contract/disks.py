"""A small disk of its own for a test, that can be filled up and freed again: a tmpfs.

Mounting needs root, or a user namespace around the whole test run (``unshare -rm pytest ...``). Without
either the test is skipped and says so.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

SIZE = 128 << 20
"""Bytes: a fresh Postgres cluster takes 70 MB. What is not written takes no memory, but for the ballast."""


@dataclass(frozen=True)
class SmallDisk:
    """A mounted disk.

    Attributes:
        directory: Where it is mounted.
    """

    directory: Path

    @property
    def free(self) -> int:
        """Bytes that are free."""
        found = os.statvfs(self.directory)
        return found.f_bavail * found.f_frsize

    def fill(self, leave: int) -> None:
        """Put a file on it that takes everything but ``leave`` bytes."""
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, self.free - leave)

    def relieve(self) -> None:
        """Take that file away."""
        self._ballast.unlink()

    @property
    def _ballast(self) -> Path:
        return self.directory / "ballast"


@contextmanager
def small_disk(directory: Path, size: int = SIZE) -> Iterator[SmallDisk]:
    """Mount a disk on ``directory`` for the length of the block; skips where that is not allowed."""
    directory.mkdir(parents=True)
    options = f"size={size},mode=0755"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "taxi-small-disk", str(directory)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small disk can't be mounted here (run as root, or in unshare -rm): {mounted.stderr}")
    try:
        yield SmallDisk(directory)
    finally:
        for entry in directory.iterdir():
            shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink()
        # Lazily, as this process holds the locks of its scratch directories until it ends.
        subprocess.run(["umount", "--lazy", str(directory)], check=True)
