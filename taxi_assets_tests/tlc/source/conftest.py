"""Sources under test: a CDN of our own, months of known bytes, limits short enough for tests."""

import hashlib
import io
import os
import random
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taxi_assets.tlc.services import SERVICES
from taxi_assets.tlc.source import Patience, open_source
from taxi_assets_tests.servers.cdn import Cdn, serve_cdn

GREEN = SERVICES["green"]
MONTH = date(2024, 1, 1)
NAME = "green_tripdata_2024-01.parquet"
PATH = f"trip-data/{NAME}"
ZONES_PATH = "misc/taxi_zone_lookup.csv"
HEADER = '"LocationID","Borough","Zone","service_zone"'

QUICK = Patience(
    attempts=6,
    first_wait=0.005,
    longest_wait=0.02,
    longest_retry_after=0.3,
    connect=2.0,
    read=0.4,
    slowest=1000.0,
)


def parquet(seed: int = 1, rows: int = 20_000) -> bytes:
    """A Parquet file of 8 random bytes a row, so that it is as long as it looks."""
    numbers = random.Random(seed)
    table = pa.table({"trip": pa.array([numbers.getrandbits(62) for _ in range(rows)], pa.int64())})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="none", use_dictionary=False)
    return buffer.getvalue()


def zones(rows: int = 265) -> bytes:
    """A zone lookup with the TLC's header."""
    lines = [HEADER, *(f'{number},"Queens","Zone {number}","Boro Zone"' for number in range(1, rows + 1))]
    return "".join(f"{line}\r\n" for line in lines).encode()


def fetch(cdn: Cdn, into: Path) -> dict[str, str]:
    """Fetch the month, check the bytes against the facts, and return those."""
    fetched = open_source(cdn.trip_data, patience=QUICK).fetch(GREEN, MONTH, into)
    assert fetched is not None
    body = fetched.path.read_bytes()
    assert fetched.facts["sha256"] == hashlib.sha256(body).hexdigest()
    assert fetched.facts["bytes"] == str(len(body))
    assert [path.name for path in into.iterdir()] == [NAME]
    return fetched.facts


@pytest.fixture(scope="session", autouse=True)
def no_proxy() -> Iterator[None]:
    """The loopback is asked directly, whatever proxy the environment names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setenv("no_proxy", "127.0.0.1")
        yield


@pytest.fixture(scope="session")
def content() -> bytes:
    return parquet()


@pytest.fixture
def cdn() -> Iterator[Cdn]:
    with serve_cdn() as server:
        yield server


@pytest.fixture(scope="session")
def real_file() -> Callable[[str], Path]:
    """Finds a real published file below TAXI_REAL_DATA; skips the test without it."""

    def find(name: str) -> Path:
        folder = os.environ.get("TAXI_REAL_DATA")
        if not folder:
            pytest.skip("needs the real published files: set TAXI_REAL_DATA to their directory")
        return Path(folder) / name

    return find
