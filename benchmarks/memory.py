"""Peak memory and speed of the largest months: cleaning one, and loading it into each target."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.command import asked, say
from benchmarks.isolated import BackendWatch, isolated
from benchmarks.months import MONTH, clean_month, cleaned_rows, cleaned_table, write_raw
from benchmarks.page import publish, table, verdict
from benchmarks.rounds import Run, Spread, interleaved, ratio
from taxi_assets.targets.duckdb import DuckDBTarget
from taxi_assets.targets.embedded_postgres import EmbeddedPostgres
from taxi_assets.targets.parquet import ParquetTarget
from taxi_assets.targets.postgres import PostgresTarget
from taxi_assets.targets.target import Target
from taxi_assets.tlc.services import ServiceName

SMALL, FULL, ROUNDS = 2_000_000, 20_000_000, 1
SERVICE: ServiceName = "fhvhv"
GOAL_MB = 512

TITLES = {
    "clean": "clean: published file -> cleaned + quarantined Parquet",
    "re-encode": "pyarrow alone: the same file read and written again",
    "lake": "cleaned -> Parquet (`ParquetTarget`)",
    "warehouse": "cleaned -> DuckDB (`DuckDBTarget`)",
    "postgres": "cleaned -> Postgres (`PostgresTarget`), 2 indexes",
}


def main() -> None:
    """Measure, and print or write the page's part."""
    with asked(__doc__, SMALL, FULL, ROUNDS) as run:
        raw = write_raw(run.directory, SERVICE, run.rows)
        say(f"{run.rows:,} rows in {raw.stat().st_size / 1e6:.0f} MB of Parquet")
        server = EmbeddedPostgres(run.directory / "postgres")
        url = server.start()
        backend: list[float] = []
        try:
            sides = _sides(raw, run.directory, url, backend)
            cleaning = {name: sides[name] for name in ("clean", "re-encode")}
            results = interleaved(cleaning, run.rounds)
            results |= interleaved({name: sides[name] for name in sides if name not in cleaning}, run.rounds)
        finally:
            server.stop()
        publish("memory", run, _parts(run.rows, results, max(backend)))


def clean_side(raw: Path, lake_url: str) -> Run:
    """The asset's pass over the file, in a fresh process."""
    started = time.perf_counter()
    clean_month(raw, SERVICE, lake_url)
    return Run(time.perf_counter() - started, 0, {})


def re_encode(raw: Path, to: Path) -> Run:
    """What reading and writing cost without a rule: the same codec, the same row groups."""
    style = ParquetTarget(url=str(to.parent))
    started = time.perf_counter()
    with pq.ParquetFile(raw) as file:
        codec = {"compression": style.compression, "compression_level": style.compression_level}
        with pq.ParquetWriter(to, file.schema_arrow, **codec) as writer:
            for batch in file.iter_batches(style.row_group_rows):
                writer.write_batch(batch)
    return Run(time.perf_counter() - started, 0, {})


def load(target: type[Target], settings: dict[str, Any], lake_url: str) -> Run:
    """The asset of one target: the cleaned month, replaced."""
    started = time.perf_counter()
    name = cleaned_table(SERVICE).split("/")[-1]
    report = target(**settings).replace(name, MONTH, cleaned_rows(SERVICE, lake_url).reader)
    return Run(time.perf_counter() - started, 0, report.seconds)


def _sides(raw: Path, directory: Path, url: str, backend: list[float]) -> dict[str, Callable[[], Run]]:
    lake = str(directory / "lake")
    indexes = {"brin_columns": ["pickup_at"], "btree_columns": ["pu_location_id"]}
    targets: dict[str, tuple[type[Target], dict[str, Any]]] = {
        "lake": (ParquetTarget, {"url": str(directory / "copy")}),
        "warehouse": (DuckDBTarget, {"url": f"duckdb:///{directory / 'warehouse.duckdb'}"}),
        "postgres": (PostgresTarget, {"url": url, **indexes}),
    }
    watched = {"postgres": url}
    sides: dict[str, Callable[[], Run]] = {
        "clean": partial(_alone, backend, None, clean_side, raw, lake),
        "re-encode": partial(_alone, backend, None, re_encode, raw, directory / "again.parquet"),
    }
    for name, (target, settings) in targets.items():
        sides[name] = partial(_alone, backend, watched.get(name), load, target, settings, lake)
    return sides


def _alone(backend: list[float], watched: str | None, side: Callable[..., Run], *arguments: Any) -> Run:
    """One side in a process of its own; ``watched`` is the server whose backends are watched too."""
    with BackendWatch(watched) if watched else nullcontext() as watch:
        done, peak = isolated(side, *arguments)
    if watch:
        backend.append(watch.peak_mb)
    return Run(done.seconds, peak, done.phases)


def _parts(rows: int, results: dict[str, list[Run]], backend_mb: float) -> list[str]:
    peaks = {name: max(run.peak_mb for run in runs) for name, runs in results.items()}
    seconds = {name: Spread.of(run.seconds for run in runs) for name, runs in results.items()}
    lines = [
        [
            title,
            f"{peaks[name]:.0f}",
            "-" if name == "re-encode" else verdict(peaks[name], GOAL_MB),
            seconds[name].text("{:.1f}"),
            f"{rows / seconds[name].median:,.0f}",
        ]
        for name, title in TITLES.items()
    ]
    lines.append(
        ["the Postgres backend of that load", f"{backend_mb:.0f}", verdict(backend_mb, GOAL_MB), "", ""]
    )
    cleaning = ratio(results["clean"], results["re-encode"])
    phases = [
        [f"{name}: {phase}", f"{value:.1f}"]
        for name, runs in results.items()
        for phase, value in runs[-1].phases.items()
    ]
    return [
        f"### A high-volume month (fhvhv) of {rows:,} rows, through every step\n\n"
        "Each measurement is a process of its own; the peak counts all that the process ever held.",
        table(["step", "peak MB", "goal", "seconds", "rows/s"], lines),
        f"Cleaning took {cleaning.text()} times as long as pyarrow takes to read the file and write it again "
        "(goal of a later version: 0.70).",
        table(["phase", "seconds"], phases),
    ]


if __name__ == "__main__":
    main()
