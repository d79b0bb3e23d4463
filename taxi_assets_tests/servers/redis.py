"""Debian's redis-server as a context manager: the broker of the workers."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from taxi_assets_tests.servers.processes import LOCALHOST, free_port, stop

_READY_WITHIN = 15.0


class RedisMissing(RuntimeError):  # noqa: N818 - a state, and the reason of a skip
    """No redis-server is installed."""


@contextmanager
def redis_server(directory: Path, host: str = LOCALHOST) -> Iterator[str]:
    """Run a server that keeps nothing on disk for the length of the block; gives its URL, without a database.

    Raises:
        RedisMissing: It is not installed.
    """
    if shutil.which("redis-server") is None:
        raise RedisMissing("redis-server is not installed: `make system-packages`, as root on Debian")
    port = free_port(host)
    command = ["redis-server", "--bind", host, "--port", str(port), "--protected-mode", "no"]
    command += ["--save", "", "--appendonly", "no", "--dir", str(directory)]
    with (directory / "redis.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait(host, port)
        yield f"redis://{host}:{port}"
    finally:
        stop(process, within=5)


def _wait(host: str, port: int) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    while True:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
