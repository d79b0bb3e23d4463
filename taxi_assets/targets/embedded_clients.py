"""Who uses the embedded server: each process holds a shared lock, so that the last to leave knows that it is.

The kernel takes a lock back from whoever dies, even by kill -9; no list of clients has to be kept true.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.util import Finalize
from pathlib import Path

_joined: dict[Path, int] = {}
"""Descriptor of the shared lock on ``clients.lock``, by home: one place for each process."""


def has_joined(home: Path) -> bool:
    """Whether this process uses the server under ``home``."""
    return home in _joined


def join(home: Path, leave: Callable[[], object]) -> None:
    """Take a place among the users, and ``leave`` at exit; waits while the last one stops the server."""
    if home in _joined:
        return
    lock = os.open(home / "clients.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_SH)
    _joined[home] = lock
    # Runs at exit of this process, also of a multiprocessing child, after its own children have ended.
    Finalize(None, leave, exitpriority=-100)


@contextmanager
def leaving(home: Path) -> Iterator[bool]:
    """Leave; True for the last one, who keeps newcomers waiting until the block ends."""
    lock = _joined.pop(home, None)
    if lock is None:
        yield False
        return
    try:
        # Unlock first: a failed upgrade may or may not keep the shared lock, depending on the system, and
        # two who leave at once must not keep each other from stopping the server.
        fcntl.flock(lock, fcntl.LOCK_UN)
        yield _alone(lock)
    finally:
        os.close(lock)


def _alone(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _forget_after_fork() -> None:
    """A forked child closes its copies (that does not unlock the parent's) and joins on its own."""
    for lock in _joined.values():
        os.close(lock)
    _joined.clear()


os.register_at_fork(after_in_child=_forget_after_fork)
