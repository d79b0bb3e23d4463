"""A real BigQuery emulator (bqemulator) as a context manager, out of an environment of its own.

Its pins differ from ours (DuckDB 1.5 against 2.0), so it lives in a virtual environment that is made
once, under a file lock, and kept in the user's cache: about 30 s the first time, 2.5 s to start
afterwards. Where it can't be installed, ``EmulatorUnavailable`` says why, and tests skip with it.

What it does not do like BigQuery: no partition decorators, job ids of uploads are its own, no
expiration times, no parameters inside scripts, ``num_rows`` is wrong.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from filelock import FileLock

from taxi_assets_tests.servers.processes import LOCALHOST, free_port, stop

REQUIREMENTS = Path(__file__).with_name("bqemulator_requirements.txt")
READY_WITHIN = 60.0  # seconds; 2.5 when the machine is idle
_STARTS = 3  # another process can take a free port between our look and the server's bind


class EmulatorUnavailable(RuntimeError):  # noqa: N818 - a state, and the reason of a skip
    """The emulator can't be installed or started here."""


@dataclass(frozen=True)
class Emulator:
    """A running emulator.

    Attributes:
        endpoint: Its URL, the value for ``BIGQUERY_EMULATOR_HOST``.
        gcs_root: Directory under which it finds ``gs://bucket/object``, or None.
    """

    endpoint: str
    gcs_root: Path | None


@contextmanager
def bigquery_emulator(
    gcs_root: Path | None = None, data: Path | None = None, host: str = LOCALHOST
) -> Iterator[Emulator]:
    """Run the emulator for the length of the block.

    Args:
        gcs_root: Directory of a fake-gcs-server, so that ``gs://`` objects can be loaded.
        data: Directory of its data, to be found again by the next one; in memory if None.
        host: Address on which it listens.

    Raises:
        EmulatorUnavailable: It can't be installed or started; the message says why.
    """
    python = _environment()
    with tempfile.TemporaryDirectory(prefix="bqemulator-") as home:
        _link_spatial_extension(python, Path(home))
        process, endpoint = _start(python, Path(home), gcs_root, data, host)
        try:
            yield Emulator(endpoint, gcs_root)
        finally:
            stop(process, within=3)


def _environment() -> Path:
    """The environment's interpreter; makes the environment where there is none yet."""
    key = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "taxi-assets"
    folder = cache / f"bqemulator-{key}"
    python, ready = folder / "bin" / "python", folder / "ready"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock", timeout=300):
            if not ready.exists():
                shutil.rmtree(folder, ignore_errors=True)
                _install(folder, python)
                ready.touch()
    except (OSError, subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        detail = getattr(error, "stderr", None) or str(error)
        raise EmulatorUnavailable(f"bqemulator can't be installed here: {detail[-400:]}") from error
    return python


def _install(folder: Path, python: Path) -> None:
    commands = (
        [sys.executable, "-m", "venv", str(folder)],
        [
            str(python),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
            str(REQUIREMENTS),
        ],
        # Without bytecode every start costs seconds more; many images set PYTHONDONTWRITEBYTECODE.
        [str(python), "-m", "compileall", "-q", "-j", "2", str(folder / "lib")],
    )
    for command in commands[:2]:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=280)
    # Some packages ship templates that are no valid Python: compileall reports them and goes on.
    subprocess.run(commands[2], check=False, capture_output=True, timeout=280)


def _link_spatial_extension(python: Path, home: Path) -> None:
    """Put the spatial extension where DuckDB looks for it, below ``$HOME/.duckdb/extensions``."""
    script = "import duckdb; print(duckdb.execute('PRAGMA platform').fetchone()[0])"
    platform = subprocess.run([str(python), "-c", script], check=True, capture_output=True, text=True).stdout
    source = next(
        python.parent.parent.glob("lib/python*/site-packages/duckdb_extension_spatial/extensions/v*")
    )
    target = home / ".duckdb" / "extensions" / source.name / platform.strip()
    target.mkdir(parents=True)
    for file in source.glob("*.duckdb_extension*"):
        (target / file.name).symlink_to(file)


def _start(
    python: Path, home: Path, gcs_root: Path | None, data: Path | None, host: str
) -> tuple[subprocess.Popen[bytes], str]:
    for attempt in range(_STARTS):
        try:
            return _start_once(python, home, gcs_root, data, host)
        except EmulatorUnavailable:
            if attempt == _STARTS - 1:
                raise
    raise AssertionError("unreachable")


def _start_once(
    python: Path, home: Path, gcs_root: Path | None, data: Path | None, host: str
) -> tuple[subprocess.Popen[bytes], str]:
    rest, grpc = free_port(host), free_port(host)
    log = home / "emulator.log"
    environment = os.environ | {
        "HOME": str(home),
        "BQEMU_QUERY_CACHE_TTL_SECONDS": "0",
        "BQEMU_UPLOAD_STAGING_DIR": str(home / "uploads"),
        "BQEMU_TIME_TRAVEL_RETENTION_DAYS": "0",  # else each change copies its table
        "BQEMU_ENABLE_FORMAT_EXTENSIONS": "false",  # would ask the network for Avro
        "BQEMU_LOG_LEVEL": "warning",
    }
    environment.pop("BIGQUERY_EMULATOR_HOST", None)
    if gcs_root is not None:
        environment["BQEMU_GCS_LOCAL_ROOT"] = str(gcs_root)
    command = [str(python), "-m", "bqemulator", "start", "--rest-port", str(rest), "--grpc-port", str(grpc)]
    command += ["--rest-host", host, "--grpc-host", host]
    if data is not None:
        command += ["--persistent", "--data-dir", str(data)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, cwd=home, stdout=output, stderr=output)
    endpoint = f"http://{host}:{rest}"
    try:
        _wait_until_ready(process, endpoint, log)
    except BaseException:
        stop(process, within=3)
        raise
    return process, endpoint


def _wait_until_ready(process: subprocess.Popen[bytes], endpoint: str, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise EmulatorUnavailable(f"bqemulator ended with {process.returncode}: {log.read_text()[-600:]}")
        try:
            requests.get(f"{endpoint}/readyz", timeout=2).raise_for_status()
        except requests.RequestException:
            time.sleep(0.05)
        else:
            return
    raise EmulatorUnavailable(
        f"bqemulator did not answer within {READY_WITHIN:.0f} s: {log.read_text()[-600:]}"
    )
