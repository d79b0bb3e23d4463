"""A directory per process for files that are being written, found and removed when the process is dead.

Nothing can promise that a killed process removes its files, so somebody else must be able to tell
them from a living writer's. Each process holds a file lock beside its directory as long as it lives; the
operating system lets go of it however the process ends. A directory whose lock is free is nobody's.

Beside them are directories of work that goes on where it broke off, whoever does it next. They are named by
the work, locked while somebody is at it, and removed when it is done or was left alone for long.
"""

import atexit
import hashlib
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

LEFT_ALONE = 2 * 24 * 3600
"""Seconds after which nobody goes on with unfinished work any more: the next night's mending has."""

_UNFINISHED = "unfinished-"

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
def unfinished_directory(parent: Path, work: str) -> Iterator[Path]:
    """A directory for ``work`` that is as it was left, also by a process that died in it.

    It is removed once the block ends well. While one is at work there, another gets an empty directory,
    which is removed in any case: nobody waits for a process that may hang.

    Args:
        parent: Where scratch directories are.
        work: What is done there; the same text means the same directory.
    """
    parent.mkdir(parents=True, exist_ok=True)
    directory = parent / f"{_UNFINISHED}{hashlib.sha256(work.encode()).hexdigest()[:20]}"
    lock = _free_lock(directory)
    if lock is None:
        with tempfile.TemporaryDirectory(dir=scratch_directory(parent)) as own:
            yield Path(own)
        return
    try:
        directory.mkdir(exist_ok=True)
        yield directory
        shutil.rmtree(directory)
    finally:
        if directory.is_dir() and not any(directory.iterdir()):
            directory.rmdir()
        lock.release()


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
    """Remove the directories below ``parent`` whose processes are dead, and work that was left alone."""
    if not parent.is_dir():
        return
    mine = {directory for directory, _ in _own()}
    for directory in parent.iterdir():
        if not directory.is_dir() or directory in mine:
            continue
        if not directory.name.startswith(_UNFINISHED):
            _remove_if_dead(directory)
        elif _is_left_alone(directory):
            _remove_unfinished(directory)


def _claim(parent: Path) -> tuple[Path, BaseFileLock]:
    directory = parent / f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
    lock = FileLock(directory.with_suffix(".lock"), thread_local=False)
    lock.acquire()
    # After the lock: whoever cleans up looks at directories, so this one is never seen without its lock.
    directory.mkdir()
    return directory, lock


def _free_lock(directory: Path) -> BaseFileLock | None:
    """The directory's lock, acquired; None if somebody else has it."""
    lock = FileLock(directory.with_suffix(".lock"), thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    return lock


def _is_left_alone(directory: Path) -> bool:
    try:
        changed = max(path.stat().st_mtime for path in (directory, *directory.iterdir()))
    except FileNotFoundError:  # somebody is at work there
        return False
    return time.time() - changed > LEFT_ALONE


def _remove_unfinished(directory: Path) -> None:
    lock = _free_lock(directory)
    if lock is None:
        return
    # The lock's file stays: others may be about to take it, and two must not hold two files of one name.
    try:
        if _is_left_alone(directory):
            shutil.rmtree(directory, ignore_errors=True)
    finally:
        lock.release()


def _remove_if_dead(directory: Path) -> None:
    lock = _free_lock(directory)
    if lock is None:
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
