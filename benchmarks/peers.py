"""One store at a time, a yellow month, beside every peer: cleaning, Postgres, the warehouse."""

import platform
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks import peers_cleaning as cleaning
from benchmarks import peers_postgres as postgres_peers
from benchmarks import peers_warehouse as warehouse
from benchmarks import postgres_sides
from benchmarks.command import Asked, asked, say
from benchmarks.isolated import measured
from benchmarks.months import clean_month, write_raw
from benchmarks.page import publish, table
from benchmarks.relay import over_tcp
from benchmarks.rounds import PEAKS, Run, interleaved, peaks_of, ratio, seconds_of
from benchmarks.server import postgres

SMALL, FULL, ROUNDS = 200_000, 3_000_000, 5

SLOW = {"pandas": 2, "dlt": 2, "sling": 2, "dlt_duckdb": 2, "stock": 2}
"""Half a minute and more for 3 million rows each: two rounds of five tell enough of them."""

PACKAGES = ["adbc-driver-postgresql", "polars", "pandas", "dlt", "dagster-duckdb-pandas"]

CLEANING = {
    "ours": "ours: every rule by name, refunds, a profile",
    "re_encode": "pyarrow: read and written again, no rule",
    "duckdb": "DuckDB: two COPY statements",
    "polars": "polars: two lazy scans into sinks",
    "pandas": "pandas: read whole, two `to_parquet`",
}
POSTGRES = {
    "psql": "`psql \\copy` of prepared binary",
    "ours": "ours: Parquet decode, encode, COPY",
    "psql_csv": "`psql \\copy` of prepared CSV",
    "adbc": "ADBC ingest, Parquet decode included",
    "polars": "polars: `write_database`, ADBC engine",
    "pandas": "pandas: `to_csv`, COPY",
    "dlt": "dlt: Arrow batches, Parquet through ADBC",
    "sling": "sling: `sling run` of prepared CSV",
}
WAREHOUSE = {
    "ours": "ours: a month replaced in one transaction",
    "alone": "DuckDB: CREATE TABLE from Parquet",
    "pandas": "pandas: read whole, CREATE TABLE",
    "stock": "Dagster's `DuckDBPandasIOManager`",
    "dlt_duckdb": "dlt: Arrow batches, Parquet",
}


def main() -> None:
    """Measure, and print or write the page's part."""
    with asked(__doc__, SMALL, FULL, ROUNDS) as run:
        raw = write_raw(run.data, "yellow", run.rows)
        lake = str(run.directory / "lake")
        kept, _ = clean_month(raw, "yellow", lake)
        parts = [
            f"### A yellow month of {run.rows:,} rows, one store at a time, beside its peers\n\n"
            "Published file to valid and rejected rows in Parquet; then the "
            f"{kept:,} cleaned rows, in one Parquet file, into a table without indexes.",
            _told("cleaning", CLEANING, _cleaning(run, raw)),
            _told("Postgres", POSTGRES, _postgres(run, lake, kept)),
            _told("warehouse", WAREHOUSE, _warehouse(run, lake, kept)),
        ]
        publish("peers", run, parts, PACKAGES)


def _cleaning(run: Asked, raw: Path) -> dict[str, list[Run]]:
    sides = {
        name: partial(measured, getattr(cleaning, name), raw, run.directory / "cleaning") for name in CLEANING
    }
    return _measured(run, sides, run.rows)


def _postgres(run: Asked, lake: str, kept: int) -> dict[str, list[Run]]:
    with postgres(run.directory) as server, over_tcp(server.url) as tcp_url:
        place = postgres_sides.Place(lake, server.url, run.directory / "rows.bin")
        postgres_sides.prepare(place)
        rows = postgres_peers.Rows(warehouse.stored(lake), server.url, run.directory, tcp_url)
        postgres_peers.prepare_csv(rows)
        sides: dict[str, Callable[[], Run]] = {}
        for name in POSTGRES:
            ours = hasattr(postgres_sides, name)
            side = getattr(postgres_sides if ours else postgres_peers, name)
            sides[name] = partial(measured, side, place if ours else rows, server=server.home)
        if (sys.platform, platform.machine()) != ("linux", "x86_64"):
            del sides["sling"]  # no wheel with the program
        return _measured(run, sides, kept)


def _warehouse(run: Asked, lake: str, kept: int) -> dict[str, list[Run]]:
    file = warehouse.stored(lake)
    rows = postgres_peers.Rows(file, "", run.directory)
    sides: dict[str, Callable[[], Run]] = {
        "ours": partial(measured, warehouse.ours, lake, run.directory),
        "alone": partial(measured, warehouse.duckdb_alone, file, run.directory),
        "pandas": partial(measured, warehouse.pandas, file, run.directory),
        "stock": partial(measured, warehouse.stock, file, run.directory),
        "dlt_duckdb": partial(measured, postgres_peers.dlt_duckdb, rows),
    }
    return _measured(run, sides, kept)


def _measured(run: Asked, sides: Mapping[str, Callable[[], Run]], wanted: int) -> dict[str, list[Run]]:
    results = interleaved(sides, run.rounds, most=SLOW)
    for name, runs in results.items():
        if wrong := [one.rows for one in runs if one.rows != wanted]:
            say(f"{name}: {wrong[0]:,} rows, not {wanted:,}")
            raise SystemExit(1)
    return results


def _told(what: str, titles: Mapping[str, str], results: Mapping[str, list[Run]]) -> str:
    """A table whose ratios are to our side; a peer with fewer rounds says how many."""
    lines = []
    for name, runs in results.items():
        fewer = f", {len(runs)} rounds" if len(runs) < len(results["ours"]) else ""
        relative = "1" if name == "ours" else ratio(runs, results["ours"]).text()
        lines.append([titles[name] + fewer, relative, seconds_of(runs), *peaks_of(runs)])
    return table([what, "times ours", "seconds", *PEAKS], lines)


if __name__ == "__main__":
    main()
