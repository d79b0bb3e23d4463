"""A yellow month into Postgres: against psql with a prepared file, against ADBC, and under a reader."""

from datetime import date
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import postgres_sides as sides
from benchmarks.command import Asked, asked, say
from benchmarks.isolated import measured
from benchmarks.months import MONTH, clean_month, write_raw
from benchmarks.page import Goal, goals, publish, table
from benchmarks.reader import Seen, reading
from benchmarks.rounds import PEAKS, Run, Spread, interleaved, peaks_of, ratio, seconds_of
from benchmarks.server import Server, postgres
from taxi_assets.tlc.schema import canonical_schema

SMALL, FULL, ROUNDS = 300_000, 3_000_000, 5
NEIGHBOUR = date(2023, 12, 1)
NEIGHBOUR_ROWS = 10_000

TITLES = {
    "psql": r"`psql \copy` of a prepared binary file",
    "ours": "Parquet decode + encode + COPY (`PostgresTarget`)",
    "replace": "whole replace: COPY, 2 indexes, ANALYZE, swap",
    "adbc": "ADBC ingest, Parquet decode included",
}


def main() -> None:
    """Measure, and print or write the page's part."""
    with asked(__doc__, SMALL, FULL, ROUNDS) as run:
        raw = write_raw(run.data, "yellow", run.rows)
        lake = str(run.directory / "lake")
        kept, _ = clean_month(raw, "yellow", lake)
        with postgres(run.directory) as server:
            place = sides.Place(lake, server.url, run.directory / "rows.bin")
            results, seen = _measure(run, place, server)
        published = len(pq.read_schema(raw))
        publish("postgres_load", run, _parts(run, kept, published, results, seen), ["adbc-driver-postgresql"])


def _measure(run: Asked, place: sides.Place, server: Server) -> tuple[dict[str, list[Run]], Seen]:
    sides.prepare(place)
    say(f"rows are in Parquet, and in {place.binary_file.stat().st_size / 1e6:.0f} MB of binary COPY")
    _neighbour(place)
    sides.replace(place)  # a month stands, so that every measured replace has one to replace
    ways = {"psql": sides.psql, "ours": sides.ours, "adbc": sides.adbc, "replace": sides.replace}
    turns = {name: partial(measured, way, place, server=server.home) for name, way in ways.items()}
    results = interleaved(turns, run.rounds)
    with reading(place.url, (sides.SCHEMA, sides.REPLACED), NEIGHBOUR, MONTH) as seen:
        for _ in range(run.rounds):
            measured(sides.replace, place)
    return results, seen


def _neighbour(place: sides.Place) -> None:
    """A small month beside the one that is replaced."""
    schema = canonical_schema("yellow")
    empty = [pa.nulls(NEIGHBOUR_ROWS, field.type) for field in schema]
    rows = pa.Table.from_arrays(empty, schema=schema).to_reader()
    place.target(indexed=True).replace(sides.REPLACED, NEIGHBOUR, rows)


def _parts(run: Asked, rows: int, published: int, results: dict[str, list[Run]], seen: Seen) -> list[str]:
    copy = ratio(results["ours"], results["psql"])
    other = ratio(results["adbc"], results["ours"])
    whole = ratio(results["replace"], results["psql"])
    columns = len(canonical_schema("yellow"))
    reached = [
        Goal("Postgres load: our COPY : prepared binary", copy.text(), copy.median, 1.05),
        Goal("ADBC : our COPY", other.text(), other.median, 1.3, at_least=True),
        Goal("whole replace : prepared binary", whole.text(), whole.median, 2),
        Goal("longest wait of a reader, ms", f"{seen.worst_ms:.0f}", seen.worst_ms, 50),
    ]
    times = [
        [
            title,
            seconds_of(results[name]),
            f"{rows / Spread.of(one.seconds for one in results[name]).median:,.0f}",
            *peaks_of(results[name]),
        ]
        for name, title in TITLES.items()
    ]
    phases = results["replace"][0].phases
    spent = [
        [phase, Spread.of(one.phases[phase] / one.seconds for one in results["replace"]).text("{:.0%}")]
        for phase in phases
    ]
    return [
        f"### A yellow month of {run.rows:,} rows into Postgres\n\n"
        f"{rows:,} cleaned rows of {columns} columns ({published} of them published in that month, the "
        "others null), from zstd Parquet into the embedded server. Median of the rounds (least to most).",
        goals(reached),
        table(["side", "seconds", "rows/s", *PEAKS], times),
        f"The reader asked {seen.queries:,} times while {run.rounds} months were replaced, usually answered "
        f"in {seen.median_ms:.1f} ms; the replaced month was missing {seen.gaps} times.",
        table(["phase of a replace", "share"], spent),
    ]


if __name__ == "__main__":
    main()
