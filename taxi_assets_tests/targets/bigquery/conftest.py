"""One emulator for all tests here, a dataset of its own for each."""

import secrets
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from taxi_assets.targets.bigquery import BigQueryTarget
from taxi_assets.targets.bigquery.connection import EMULATOR_VARIABLE
from taxi_assets_tests.servers.bigquery import Emulator, EmulatorUnavailable, bigquery_emulator


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """A running emulator that finds ``gs://`` objects below ``gcs_root``."""
    gcs_root: Path = tmp_path_factory.mktemp("gcs") / "objects"
    gcs_root.mkdir()
    try:
        with bigquery_emulator(gcs_root) as running:
            yield running
    except EmulatorUnavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture
def target(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> BigQueryTarget:
    """A target on an empty dataset of the emulator."""
    monkeypatch.setenv(EMULATOR_VARIABLE, emulator.endpoint)
    return BigQueryTarget(url=f"bigquery://test-project/d_{secrets.token_hex(4)}?location=US")


Trips = Callable[..., pa.RecordBatchReader]


@pytest.fixture
def trips() -> Trips:
    """Makes a stream of ``rows`` rows, all with ``fare``; further columns by keyword."""

    def make(rows: int, fare: float = 1.5, **more: pa.Array) -> pa.RecordBatchReader:
        columns = {
            "vendor_id": pa.array(range(rows), pa.int32()),
            "pickup": pa.array([datetime(2024, 1, 1, 10, 30)] * rows, pa.timestamp("us")),  # noqa: DTZ001
            "fare": pa.array([fare] * rows, pa.float64()),
        }
        return pa.table(columns | more).to_reader(max_chunksize=2)

    return make


JANUARY, FEBRUARY = date(2024, 1, 1), date(2024, 2, 1)
