"""Peak memory and speed of the largest months: cleaning one, and loading it into each target."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import peers_cleaning
from benchmarks.clock import Clock
from benchmarks.command import Asked, asked
from benchmarks.isolated import measured
from benchmarks.months import MONTH, clean_month, cleaned_rows, cleaned_table, write_raw
from benchmarks.page import Goal, goals, publish, table
from benchmarks.rounds import LARGEST_MB, PEAKS, Run, Spread, interleaved, peaks_of, ratio, seconds_of
from benchmarks.server import postgres
from taxi_assets.targets.duckdb import DuckDBTarget
from taxi_assets.targets.parquet import ParquetTarget
from taxi_assets.targets.postgres import PostgresTarget
from taxi_assets.targets.target import Target
from taxi_assets.tlc.services import ServiceName

SMALL, FULL, ROUNDS = 2_000_000, 20_000_000, 5
GOAL_MB = 512
LOADS_OF = 1
"""Rounds of the loads, which have no ratio: a minute and more each."""

TITLES = {
    "clean": "clean: published file -> cleaned + quarantined Parquet",
    "re-encode": "pyarrow alone: the same file read and written again",
    "lake": "cleaned -> Parquet (`ParquetTarget`)",
    "warehouse": "cleaned -> DuckDB (`DuckDBTarget`)",
    "postgres": "cleaned -> Postgres (`PostgresTarget`), 2 indexes",
}


@dataclass(frozen=True)
class Large:
    """A month that is among the largest of its kind.

    Attributes:
        service: Whose.
        month: Which.
        share: Its rows, as a share of those that are asked for.
        what: What is special, for its title.
        limit: Of cleaning, against pyarrow's re-encode; None where there is no goal.
    """

    service: ServiceName
    month: date
    share: float
    what: str
    limit: float | None


MONTHS = (
    Large("fhvhv", MONTH, 1, "A high-volume month (fhvhv)", 0.70),
    Large("yellow", date(2010, 3, 1), 0.7, "A yellow month of 2010, with coordinates", None),
)


def main() -> None:
    """Measure, and print or write the page's part."""
    with asked(__doc__, SMALL, FULL, ROUNDS) as run:
        parts = [part for large in MONTHS for part in _measure(run, large)]
        publish("memory", run, parts)


def _measure(run: Asked, large: Large) -> list[str]:
    rows, directory = round(run.rows * large.share), run.directory / large.service
    directory.mkdir()
    raw, lake = write_raw(run.data, large.service, rows, large.month), str(directory / "lake")
    cleaning = {
        "clean": partial(measured, clean_side, raw, large.service, lake, large.month),
        "re-encode": partial(measured, peers_cleaning.re_encode, raw, directory),
    }
    results = interleaved(cleaning, run.rounds)
    with postgres(directory) as server:
        indexes = {"brin_columns": ["pickup_at"], "btree_columns": ["pu_location_id"]}
        targets: dict[str, tuple[type[Target], dict[str, Any]]] = {
            "lake": (ParquetTarget, {"url": str(directory / "copy")}),
            "warehouse": (DuckDBTarget, {"url": f"duckdb:///{directory / 'warehouse.duckdb'}"}),
            "postgres": (PostgresTarget, {"url": server.url, **indexes}),
        }
        loads: dict[str, Callable[[], Run]] = {
            name: partial(measured, load, *target, large.service, lake, large.month, server=server.home)
            for name, target in targets.items()
        }
        results |= interleaved(loads, LOADS_OF)
    return _parts(large, rows, results)


def clean_side(raw: Path, service: ServiceName, lake_url: str, month: date) -> Run:
    """The asset's pass over the file."""
    with Clock() as clock:
        kept, rejected = clean_month(raw, service, lake_url, month)
    return clock.run(kept + rejected)


def load(
    target: type[Target], settings: dict[str, Any], service: ServiceName, lake_url: str, month: date
) -> Run:
    """The asset of one target: the cleaned month, replaced; from the lake's files where the target can."""
    stored, name = cleaned_table(service), cleaned_table(service).split("/")[-1]
    with Clock() as clock:
        objects = ParquetTarget(url=lake_url).objects(stored, month)
        report = target(**settings).replace_from(name, month, objects) if objects else None
        if report is None:
            report = target(**settings).replace(name, month, cleaned_rows(service, lake_url, month).reader)
    clock.phases.update(report.seconds)
    return clock.run(report.rows)


def _parts(large: Large, rows: int, results: dict[str, list[Run]]) -> list[str]:
    cleaning = ratio(results["clean"], results["re-encode"])
    largest = max(run.largest_mb for name, runs in results.items() if name != "re-encode" for run in runs)
    peak = max(run.largest_mb for run in results["clean"])
    what = f"{large.service} {large.month:%Y-%m}"
    reached = [
        Goal(f"cleaning, {what}: peak MB", f"{peak:.0f}", peak, GOAL_MB),
        Goal(f"every step, {what}: largest process, MB", f"{largest:.0f}", largest, LARGEST_MB),
    ]
    if large.limit:
        what_of = f"cleaning, {what} : pyarrow's re-encode"
        told = Goal(what_of, cleaning.text(), cleaning.median, large.limit)
        reached.insert(0, told)
    lines = [
        [
            title,
            seconds_of(results[name], "{:.1f}"),
            f"{rows / Spread.of(run.seconds for run in results[name]).median:,.0f}",
            *peaks_of(results[name]),
        ]
        for name, title in TITLES.items()
    ]
    phases = [
        [f"{name}: {phase}", f"{value:.1f}"]
        for name, runs in results.items()
        for phase, value in runs[-1].phases.items()
    ]
    return [
        f"### {large.what} of {rows:,} rows, through every step\n\n"
        "Each measurement is a process of its own; the peak counts all that the process ever held. The loads "
        f"took part in {LOADS_OF} round.",
        goals(reached),
        table(["step", "seconds", "rows/s", *PEAKS], lines),
        f"Cleaning took {cleaning.text()} times as long as pyarrow takes to read and write the file.",
        table(["phase", "seconds"], phases),
    ]


if __name__ == "__main__":
    main()
