"""A function in a fresh process, and the most memory that the process ever had.

Peak memory is a property of a process and never goes down, so each measurement needs its own.
It counts everything: the interpreter, the libraries (about 150 MB with Dagster), and the rows.
"""

import multiprocessing
import re
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

import psycopg

P = ParamSpec("P")
T = TypeVar("T")


def isolated(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> tuple[T, float]:
    """Result of ``function`` and the peak of its process in MB (10^6 bytes)."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as pool:
        result = pool.submit(function, *arguments, **named).result()
        return result, pool.submit(peak_mb).result()


def peak_mb(pid: int | str = "self") -> float:
    """Peak resident memory of a process in MB; 0 if it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) * 1024 / 1e6 if found else 0.0


class BackendWatch:
    """Watches the server's processes that work for the product: the peak of the largest.

    It holds the pages of the server's cache that the process touched, up to shared_buffers (128 MB), too.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.peak_mb = 0.0

    def __enter__(self) -> "BackendWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        # Parallel workers of CREATE INDEX have the application_name of their leader.
        query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'taxi_assets'"
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._done.wait(0.02):
                pids = connection.execute(query).fetchall()
                self.peak_mb = max([self.peak_mb, *(peak_mb(pid) for (pid,) in pids)])
