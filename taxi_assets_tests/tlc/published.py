"""Small published files for tests: made by hand, or a synthetic month with something done to it."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from taxi_assets.tlc.clean import clean
from taxi_assets.tlc.conform import conform
from taxi_assets.tlc.rules import Thresholds
from taxi_assets.tlc.services import SERVICES, ServiceName
from taxi_assets.tlc.synthetic import published_schema, write_month

GREEN_MONTH = date(2024, 1, 1)
NOON = datetime.fromisoformat("2024-01-15T12:00")

_TRIP: Mapping[str, object] = {
    "VendorID": 2,
    "lpep_pickup_datetime": NOON,
    "lpep_dropoff_datetime": NOON + timedelta(minutes=10),
    "PULocationID": 74,
    "DOLocationID": 75,
    "passenger_count": 1,
    "trip_distance": 1.5,
    "fare_amount": 10.0,
    "total_amount": 12.5,
}


def green_file(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """Green trips of January 2024, ordinary but for the values given; columns not named are null."""
    schema = published_schema("green", GREEN_MONTH)
    pq.write_table(pa.Table.from_pylist([{**_TRIP, **row} for row in rows], schema), path)
    return path


def synthetic(path: Path, service: ServiceName, month: date, rows: int = 500) -> pa.Table:
    """Write a synthetic month, and read it back to be spoilt."""
    write_month(path, SERVICES[service], month, rows)
    return pq.read_table(path)


def conformed(path: Path, service: ServiceName, month: date, scratch: Path) -> pa.Table:
    with duckdb.connect() as connection:
        return conform(path, service, month, scratch, connection).read_all()


def parted(
    path: Path,
    service: ServiceName,
    month: date,
    scratch: Path,
    rule_set: str = "default",
    thresholds: Thresholds | None = None,
) -> tuple[pa.Table, pa.Table, Mapping[str, int]]:
    """Cleaned rows, quarantined rows, and the counts by reason."""
    with clean(path, service, month, scratch, rule_set, thresholds) as cleaning:
        rows, rejected = cleaning.cleaned().read_all(), cleaning.quarantined().read_all()
        assert (cleaning.rows, cleaning.rejected) == (len(rows) + len(rejected), len(rejected))
        return rows, rejected, cleaning.counts()
