"""A side in a fresh process, and the most memory that each process which worked for it ever had.

Peak memory is a property of a process and never goes down, so each measurement needs its own.
It counts everything: the interpreter, the libraries (about 150 MB with Dagster), and the rows.
"""

import multiprocessing
import os
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

from benchmarks.rounds import Run

_LOOK_EVERY = 0.05
"""Seconds between two looks: a peak stays, so only what a process takes in its last moment is missed."""


def measured(side: Callable[..., Run], *arguments: object, server: Path | None = None) -> Run:
    """A side's turn in a fresh process, with every peak; ``server`` is the home of the Postgres it uses."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as pool:
        worker = pool.submit(os.getpid).result()
        postmaster = (server / "data" / "postmaster.pid").read_text().split()[0] if server else ""
        with Watch(worker) as children, Watch(int(postmaster or 0)) as backends:
            run = pool.submit(side, *arguments).result()
        peak = pool.submit(peak_mb).result()
    return replace(run, peak_mb=peak, child_mb=children.peak_mb, server_mb=backends.peak_mb)


def peak_mb(pid: int | str = "self") -> float:
    """Peak resident memory of a process in MB (10^6 bytes); 0 if it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) * 1024 / 1e6 if found else 0.0


class Watch:
    """Watches the processes that a process starts meanwhile, and theirs: the peak of the largest.

    Of a Postgres server these are its backends and their workers. They hold the pages of the server's cache
    that they touched, up to shared_buffers (128 MB), too. Linux alone tells.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(set(_descendants(pid)),))
        self._peaks: dict[int, float] = {}

    @property
    def peak_mb(self) -> float:
        """Peak of the largest; 0 if there were none."""
        return max(self._peaks.values(), default=0.0)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self, known: set[int]) -> None:
        ours = _command_line(self._pid)
        while self._pid and not self._done.wait(_LOOK_EVERY):
            for pid in set(_descendants(self._pid)) - known:
                # Before it becomes another program, a child has its parent's memory, and its peak.
                if _command_line(pid) not in {ours, b""}:
                    self._peaks[pid] = peak_mb(pid) or self._peaks.get(pid, 0.0)


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _descendants(pid: int) -> Iterator[int]:
    """Children, and theirs. A look at all processes, as psutil takes it, would cost a tenth of a core."""
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in task.read_text().split()]
        except OSError:
            continue  # the thread has ended
        for child in children:
            yield child
            yield from _descendants(child)
