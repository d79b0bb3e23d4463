"""A directory per process for files that are being written, found and removed when the process is dead.

Nothing can promise that a killed process removes its files, so somebody else must be able to tell
them from a living writer's. Each process holds a file lock beside its directory as long as it lives; the
operating system lets go of it however the process ends. A directory whose lock is free is nobody's.
"""

import atexit
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

_mine: dict[tuple[int, Path], tuple[Path, BaseFileLock]] = {}


def scratch_directory(parent: Path) -> Path:
    """This process's own directory below ``parent``, made when first asked for."""
    found = _mine.get((os.getpid(), parent))
    if found and found[0].is_dir():
        return found[0]
    parent.mkdir(parents=True, exist_ok=True)
    directory, lock = _claim(parent)
    _mine[os.getpid(), parent] = directory, lock
    return directory


@contextmanager
def place_for(key: str, scratch: Path) -> Iterator[Path]:
    """Where an object may lie under its own name for the length of the block."""
    directory = scratch / uuid.uuid4().hex
    directory.mkdir()
    path = directory / key.rpartition("/")[2]
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        directory.rmdir()


def remove_dead(parent: Path) -> None:
    """Remove the directories below ``parent`` whose processes are dead."""
    if not parent.is_dir():
        return
    mine = {directory for directory, _ in _own()}
    for directory in parent.iterdir():
        if directory.is_dir() and directory not in mine:
            _remove_if_dead(directory)


def _claim(parent: Path) -> tuple[Path, BaseFileLock]:
    directory = parent / f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
    lock = FileLock(directory.with_suffix(".lock"), thread_local=False)
    lock.acquire()
    # After the lock: whoever cleans up looks at directories, so this one is never seen without its lock.
    directory.mkdir()
    return directory, lock


def _remove_if_dead(directory: Path) -> None:
    lock = FileLock(directory.with_suffix(".lock"), thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return
    try:
        shutil.rmtree(directory, ignore_errors=True)
        directory.with_suffix(".lock").unlink(missing_ok=True)
    finally:
        lock.release()


def _own() -> list[tuple[Path, BaseFileLock]]:
    return [entry for (process, _), entry in list(_mine.items()) if process == os.getpid()]


@atexit.register
def _remove_own() -> None:
    for directory, lock in _own():
        shutil.rmtree(directory, ignore_errors=True)
        directory.with_suffix(".lock").unlink(missing_ok=True)
        lock.release()
