"""Partitions in Postgres: what a swap, a look and a query cost when hundreds of months stand."""

import time
from collections.abc import Callable, Sequence
from datetime import date
from statistics import median

import psycopg
import pyarrow as pa

from benchmarks.command import Asked, say
from benchmarks.page import table
from benchmarks.server import postgres
from taxi_assets.targets.postgres import PostgresTarget
from taxi_assets.tlc.schema import canonical_schema
from taxi_assets.tlc.services import next_month

SCHEMA = "partitions"
TABLES = ("yellow_trips", "green_trips", "fhv_trips", "fhvhv_trips")
REPEATS = 9


def partitions_told(run: Asked) -> Sequence[str]:
    """One month, then 200 in a table, then 200 in each of four."""
    many = 200 if run.full else 20
    with postgres(run.directory) as server:
        target = PostgresTarget(
            url=server.url, schema_name=SCHEMA, brin_columns=["pickup_at"], btree_columns=["pu_location_id"]
        )
        lines = []
        for tables, months in ((1, 1), (1, many), (4, many)):
            for name in TABLES[:tables]:
                _fill(target, name, months)
            lines.append([f"{tables} x {months}", *_asked(target)])
    head = ["tables x months", "replace", "of it the swap", "`held`", "all partitions", "query of a month"]
    return [
        "### Partitions in Postgres: tiny months, milliseconds, the median of nine",
        table(head, lines),
    ]


def _fill(target: PostgresTarget, name: str, months: int) -> None:
    month, standing = date(2009, 1, 1), set(target.partitions(name))
    for _ in range(months):
        if month not in standing:
            target.replace(name, month, _rows())
        month = next_month(month)
    say(f"{months} months stand in {name}")


def _asked(target: PostgresTarget) -> list[str]:
    name, month = TABLES[0], date(2009, 1, 1)
    reports = [target.replace(name, month, _rows()) for _ in range(REPEATS)]
    query = f"SELECT count(*) FROM {SCHEMA}.{name} WHERE trip_month = '{month}'"
    with psycopg.connect(target.url, autocommit=True) as connection:
        told = [
            median(sum(report.seconds.values()) for report in reports) * 1000,
            median(report.seconds["swap"] for report in reports) * 1000,
            _milliseconds(lambda: target.held(name, month)),
            _milliseconds(lambda: target.partitions(name)),
            _milliseconds(lambda: connection.execute(query.encode()).fetchone()),
        ]
    return [f"{one:.1f}" for one in told]


def _milliseconds(call: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        call()
        times.append((time.perf_counter() - started) * 1000)
    return median(times)


def _rows() -> pa.RecordBatchReader:
    schema = canonical_schema("yellow")
    return pa.Table.from_arrays([pa.nulls(10, field.type) for field in schema], schema=schema).to_reader()
