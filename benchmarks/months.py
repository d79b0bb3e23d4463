"""A month to measure with: published as the TLC would, and cleaned by the code of the asset."""

import shutil
import tempfile
from datetime import date
from pathlib import Path

from benchmarks.command import say
from taxi_assets.targets.lazy import Guarded
from taxi_assets.targets.parquet import ParquetTarget
from taxi_assets.tlc.clean import clean
from taxi_assets.tlc.services import SERVICES, ServiceName
from taxi_assets.tlc.synthetic import write_month

MONTH = date(2024, 1, 1)


def write_raw(data: Path, service: ServiceName, rows: int, month: date = MONTH) -> Path:
    """A synthetic published file, alone in its directory; made where it is not there yet."""
    path = data / f"{service}-{month:%Y-%m}-{rows}" / SERVICES[service].file_name(month)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        write_month(part, SERVICES[service], month, rows)
        part.rename(path)
        say(f"{service} {month:%Y-%m}: {rows:,} rows in {path.stat().st_size / 1e6:.0f} MB of Parquet")
    return path


def clean_month(raw: Path, service: ServiceName, lake_url: str, month: date = MONTH) -> tuple[int, int]:
    """Part the file's rows into ``cleaned`` and ``quarantined`` as the asset does; the rows of both."""
    lake = ParquetTarget(url=lake_url)
    scratch = Path(tempfile.mkdtemp(dir=Path(lake_url).parent))
    try:
        with clean(raw, service, month, scratch) as cleaning:
            kept = lake.replace(cleaned_table(service), month, Guarded(cleaning.cleaned()).reader)
            rejected = lake.replace(f"quarantined/{service}_trips", month, cleaning.quarantined())
        return kept.rows, rejected.rows
    finally:
        shutil.rmtree(scratch)


def cleaned_table(service: ServiceName) -> str:
    """Name of the cleaned rows' table in the lake."""
    return f"cleaned/{service}_trips"


def cleaned_rows(service: ServiceName, lake_url: str, month: date = MONTH) -> Guarded:
    """The cleaned month as the IO manager hands it to a target: decoded, without the partition column."""
    stored = ParquetTarget(url=lake_url).read(cleaned_table(service), [month])
    return Guarded(stored, partition=("trip_month", month))
