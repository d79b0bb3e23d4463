"""Opens a DuckDB file for one operation, and waits for another process that has it."""

import re
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import TypeAlias

import duckdb

Connection: TypeAlias = duckdb.DuckDBPyConnection

_LOOK_AGAIN = 0.05  # seconds between two tries to open a file that is taken
_LOAD_THREADS = 2  # each builds a row group, 25 MB at 25 columns
STREAM_MEMORY = "128MB"
FILES_MEMORY = "160MB"
"""Of files a load may take more, as nothing is decoded beside it: 20 million rows took 32 s with 128 MB, 20
with 192. A run that has cleaned and drawn a month holds 430 MB already, and is to stay below 600."""

_write_locks: defaultdict[Path, threading.RLock] = defaultdict(threading.RLock)


def duckdb_path(url: str) -> Path:
    """The file of ``duckdb:////absolute/path`` or ``duckdb:///relative/path``.

    Raises:
        ValueError: The URL is of another kind.
    """
    kind, _, path = url.partition(":///")
    if kind != "duckdb" or not path:
        raise ValueError(f"{url!r} is not duckdb:////absolute/path.duckdb nor duckdb:///relative/path.duckdb")
    return Path(path).absolute()


def write_lock(path: Path) -> threading.RLock:
    """Held by the one thread of this process that writes to the file."""
    return _write_locks[path]


def opened(path: Path, timeout_s: float, memory_limit: str) -> Connection:
    """A connection to the file, made with its folder if it isn't there. A context manager: closes itself.

    Raises:
        TimeoutError: Another process has had the file for ``timeout_s`` seconds: says which.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = _connected(path, timeout_s)
    # Not in connect(config=...): one process can't open a file twice with two configurations.
    connection.execute("SET memory_limit = ?", [memory_limit])
    # Rows of a month need no order, and to keep one costs gigabytes (5.4 GB against 0.5 for 20 M rows).
    connection.execute("SET preserve_insertion_order = false")
    connection.execute("RESET threads")  # a load may have lowered it
    connection.execute("SET enable_progress_bar = false")
    return connection


def save_memory(connection: Connection, limit: str) -> None:
    """Let a load or a sum take little, unless others in this process use the file: settings are everyone's.

    The next ``opened`` sets them back. The largest months (20 million rows) load as fast as with more.
    """
    if connection.execute("SELECT count FROM duckdb_connection_count()").fetchall() == [(1,)]:
        connection.execute("SET memory_limit = ?", [limit])
        connection.execute("SET threads = ?", [_LOAD_THREADS])


def _connected(path: Path, timeout_s: float) -> Connection:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return duckdb.connect(path)
        except duckdb.IOException as error:
            if "lock" not in str(error):
                raise
            if time.monotonic() > deadline:
                raise TimeoutError(_taken(path, timeout_s, str(error))) from error
        time.sleep(_LOOK_AGAIN)


def _taken(path: Path, timeout_s: float, message: str) -> str:
    holder = re.search(r"held in (.+?) \(PID (\d+)\)", message)
    who = f"process {holder[2]} ({holder[1]})" if holder else "another process"
    return f"{path} was not free within {timeout_s:g} s: {who} has it open; close it there, or wait for it"
