"""Ways of a published file to valid and rejected rows as Parquet: each as its own users write it."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.clock import Clock
from benchmarks.months import MONTH, clean_month
from benchmarks.published import good, kept_by_pandas
from benchmarks.rounds import Run
from taxi_assets.targets.parquet import ParquetTarget
from taxi_assets.tlc.services import ServiceName, next_month


def ours(raw: Path, directory: Path, service: ServiceName = "yellow") -> Run:
    """The asset's pass: canonical columns, every rule with its name, refunds found, a profile taken."""
    lake = str(_fresh(directory, "ours") / "lake")
    with Clock() as clock:
        kept, rejected = clean_month(raw, service, lake, MONTH)
    return clock.run(kept + rejected)


def re_encode(raw: Path, directory: Path) -> Run:
    """What reading and writing cost without a rule: pyarrow, the same codec, the same row groups."""
    style, to = ParquetTarget(url=str(directory)), _fresh(directory, "re-encode") / "again.parquet"
    with Clock() as clock, pq.ParquetFile(raw) as file:
        codec = {"compression": style.compression, "compression_level": style.compression_level}
        with pq.ParquetWriter(to, file.schema_arrow, **codec) as writer:
            for batch in file.iter_batches(style.row_group_rows):
                writer.write_batch(batch)
    return clock.run(pq.read_metadata(to).num_rows)


def duckdb(raw: Path, directory: Path) -> Run:
    """Two COPY statements; the file is read twice."""
    import duckdb as library

    to = _fresh(directory, "duckdb")
    rule = good(MONTH)
    with Clock() as clock, library.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET preserve_insertion_order = false")
        for name, where in (("kept", rule), ("rejected", f"({rule}) IS NOT TRUE")):
            connection.execute(
                f"COPY (FROM '{raw}' WHERE {where}) TO '{to / name}.parquet' "
                "(COMPRESSION zstd, COMPRESSION_LEVEL 1)"
            )
    return clock.run(_rows(to))


def polars(raw: Path, directory: Path) -> Run:
    """Two lazy scans into sinks, streamed."""
    import polars as pl

    to = _fresh(directory, "polars")
    pickup, dropoff = pl.col("tpep_pickup_datetime"), pl.col("tpep_dropoff_datetime")
    rule = (
        (pickup >= pl.lit(MONTH))
        & (pickup < pl.lit(next_month(MONTH)))
        & (dropoff >= pickup)
        & (dropoff - pickup <= pl.duration(hours=12))
        & pl.col("fare_amount").is_between(0, 1e9)
        & pl.col("total_amount").is_between(0, 1e9)
        & pl.col("trip_distance").is_between(0, 300)
        & pl.col("PULocationID").is_between(1, 265)
        & pl.col("DOLocationID").is_between(1, 265)
    ).fill_null(value=False)
    with Clock() as clock:
        trips = pl.scan_parquet(raw)
        for name, where in (("kept", rule), ("rejected", ~rule)):
            trips.filter(where).sink_parquet(to / f"{name}.parquet", compression="zstd", compression_level=1)
    return clock.run(_rows(to))


def pandas(raw: Path, directory: Path) -> Run:
    """Read whole, filter, write both parts."""
    import pandas as pd

    to = _fresh(directory, "pandas")
    with Clock() as clock:
        trips = pd.read_parquet(raw)
        kept = kept_by_pandas(trips, MONTH)
        for name, rows in (("kept", trips[kept]), ("rejected", trips[~kept])):
            rows.to_parquet(to / f"{name}.parquet", compression="zstd", index=False)
    return clock.run(_rows(to))


def _fresh(directory: Path, side: str) -> Path:
    """An empty directory; of the side before nothing stays on the disk."""
    shutil.rmtree(directory / side, ignore_errors=True)
    (directory / side).mkdir(parents=True)
    return directory / side


def _rows(directory: Path) -> int:
    return sum(pq.read_metadata(path).num_rows for path in directory.glob("*.parquet"))
