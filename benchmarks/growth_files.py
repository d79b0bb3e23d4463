"""Files and row groups of a month: what cutting it finer costs."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks import peers_cleaning
from benchmarks.clock import Clock
from benchmarks.command import Asked
from benchmarks.isolated import measured
from benchmarks.months import MONTH, clean_month, cleaned_rows, write_raw
from benchmarks.page import table
from benchmarks.rounds import Run, interleaved, peaks_of, seconds_of
from taxi_assets.targets.parquet import ParquetTarget

SMALL, FULL = 200_000, 3_000_000
GROUPS = (16_384, 131_072, 1_048_576, 1 << 30)
"""Rows of a row group in the published file; the last is one group for all."""


def files_told(run: Asked) -> Sequence[str]:
    """The lake in one file or one a day; cleaning of a published file in many row groups or one."""
    rows = FULL if run.full else SMALL
    raw, lake = write_raw(run.data, "yellow", rows), str(run.directory / "files-lake")
    clean_month(raw, "yellow", lake)
    layouts = {name: partial(measured, store, lake, run.directory, name) for name in ("one file", "by day")}
    stored = interleaved(layouts, run.rounds)
    groups = {
        str(most): partial(measured, peers_cleaning.ours, _grouped(raw, run.directory, most), run.directory)
        for most in GROUPS
    }
    cleaned = interleaved(groups, min(run.rounds, 3))
    lines = [
        [f"lake, {name}", str(round(runs[0].phases["files"])), seconds_of(runs), *peaks_of(runs)[:2]]
        for name, runs in stored.items()
    ]
    for most, runs in cleaned.items():
        groups_of = -(-rows // int(most))
        lines.append(["cleaning, row groups", str(groups_of), seconds_of(runs), *peaks_of(runs)[:2]])
    head = ["work", "files or row groups", "seconds", "client CPU s", "peak MB"]
    return [f"### Files and row groups: a yellow month of {rows:,} rows", table(head, lines)]


def store(lake: str, directory: Path, layout: str) -> Run:
    """The cleaned month into another lake."""
    url = directory / layout.replace(" ", "-")
    target = ParquetTarget(url=str(url), partition_by_day="pickup_at" if layout == "by day" else None)
    with Clock() as clock:
        report = target.replace("trips", MONTH, cleaned_rows("yellow", lake).reader)
    clock.phases["files"] = float(len(list(url.rglob("*.parquet"))))
    return clock.run(report.rows)


def _grouped(raw: Path, directory: Path, most: int) -> Path:
    """The published file again, in row groups of so many rows."""
    path = directory / f"groups-{most}" / raw.name
    path.parent.mkdir()
    pq.write_table(pq.read_table(raw), path, row_group_size=most, compression="zstd", compression_level=1)
    return path
