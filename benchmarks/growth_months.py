"""Many months in one run, beside the same work in a plain loop: what Dagster costs a month.

The loop fetches, keeps the file, cleans, and replaces the month in every store with the product's own
classes. It records nothing, checks nothing and draws nothing: checks and summaries have columns of their own.
"""

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from functools import partial
from pathlib import Path

import psycopg
from psycopg import sql

from benchmarks.clock import Clock
from benchmarks.command import Asked
from benchmarks.isolated import measured
from benchmarks.months import clean_month, cleaned_rows
from benchmarks.page import Goal, goals, table
from benchmarks.rounds import Run, Spread, interleaved, seconds_of
from benchmarks.run_profile import SUMMARY
from benchmarks.server import Server, postgres
from benchmarks.whole_sides import import_the_rest
from taxi_assets.tlc.services import SERVICES, next_month
from taxi_assets.tlc.synthetic import write_month

FIRST = date(2014, 1, 1)
GREEN = SERVICES["green"]
TINY_ROWS, MONTH_ROWS, SMALL_ROWS = 1_000, 60_000, 5_000
OVERHEAD_SECONDS, MONTH_SECONDS = 1.3, 0.15
GOAL_MONTHS, SMALL_MONTHS = 24, 4


def months_told(run: Asked) -> Sequence[str]:
    """Months of one run: tiny ones in growing number, and 24 of a real size."""
    rows, several = (MONTH_ROWS, GOAL_MONTHS) if run.full else (SMALL_ROWS, SMALL_MONTHS)
    tiny = (1, 12, 120) if run.full else (1, SMALL_MONTHS)
    cases = [*((count, TINY_ROWS) for count in tiny), (several, rows)]
    results = {}
    with postgres(run.directory) as server:
        for count, each in cases:
            results[count, each] = _measure(run, server, count, each)
    whole = results[several, rows]
    over, alone = Spread.of(_over(whole, ())), Spread.of(_over(whole, ("checks", "summary")))
    month = Spread.of(value / several for value in _over(whole, ("checks", "summary")))
    what = f"{several} green months, one run: overhead beside checks and summaries, s"
    reached = [
        Goal(what, alone.text(), alone.median, OVERHEAD_SECONDS),
        Goal("the same, a month, s", month.text("{:.3f}"), month.median, MONTH_SECONDS),
    ]
    head = [
        "months",
        "rows each",
        "one run",
        "plain loop",
        "checks",
        "summary",
        "the rest",
        "the rest a month",
    ]
    return [
        "### Months: one run over many, beside a plain loop without Dagster",
        goals(reached),
        table(head, [_line(*case, runs) for case, runs in results.items()]),
        f"With checks and summaries, these {several} months take {over.text()} s more than the loop.",
    ]


def _measure(run: Asked, server: Server, count: int, rows: int) -> dict[str, list[Run]]:
    source, months = published_months(run.data, count, rows)
    arguments = (source, months, server.url, run.directory)
    sides = {
        "dagster": partial(measured, through_dagster, *arguments, server=server.home),
        "plain": partial(measured, plain, *arguments, server=server.home),
    }
    return interleaved(sides, run.rounds if count <= GOAL_MONTHS else min(run.rounds, 2))


def published_months(data: Path, count: int, rows: int) -> tuple[Path, list[date]]:
    """A directory with the files of so many green months, made if they are not there."""
    months = [FIRST]
    while len(months) < count:
        months.append(next_month(months[-1]))
    source = data / f"green-months-{rows}"
    source.mkdir(parents=True, exist_ok=True)
    for month in months:
        if not (path := source / GREEN.file_name(month)).exists():
            write_month(path, GREEN, month, rows)
    return source, months


def through_dagster(
    source: Path, months: Sequence[date], url: str, directory: Path, dagster_yaml: str | None = None
) -> Run:
    """One run over all months; with a ``dagster.yaml`` of its own, if there is one."""
    from rich.console import Console

    from benchmarks.run_profile import phases_of
    from taxi_assets.code_location import build_definitions
    from taxi_assets.instance import open_instance
    from taxi_assets.load import run_job
    from taxi_assets.settings import Settings

    import_the_rest()
    home = _fresh(directory, url)
    environment = {
        "TAXI_HOME": str(home),
        "TAXI_POSTGRES_URL": url,
        "TAXI_POSTGRES_SCHEMA": "months",
        "TAXI_SOURCE_URL": str(source),
    }
    settings = Settings.from_environment(environment)
    definitions = build_definitions(settings)
    if dagster_yaml is not None:
        settings.dagster_home.mkdir(parents=True)
        (settings.dagster_home / "dagster.yaml").write_text(dagster_yaml)
    with open_instance(settings) as instance:
        with Clock() as clock:
            done = run_job(definitions, "green_trips", instance, Console(quiet=True), (months[0], months[-1]))
        if not done:
            raise RuntimeError("the run failed")
        spent = phases_of(instance, instance.get_runs(limit=1)[0].run_id)
    clock.phases["checks"] = sum(value for name, value in spent.items() if name.startswith("check "))
    clock.phases["summary"] = spent.get(SUMMARY, 0)
    return clock.run()


def plain(source: Path, months: Sequence[date], url: str, directory: Path) -> Run:
    """A loop over the same months with the same classes, and nothing around it."""
    from taxi_assets.targets.duckdb import DuckDBTarget
    from taxi_assets.targets.files import FileStore
    from taxi_assets.targets.parquet import ParquetTarget
    from taxi_assets.targets.postgres import PostgresTarget
    from taxi_assets.tlc.source import open_source

    import_the_rest()
    home = _fresh(directory, url)
    lake_url = str(home / "lake")
    files, lake = FileStore(url=lake_url), ParquetTarget(url=lake_url)
    warehouse = DuckDBTarget(url=f"duckdb:///{home / 'warehouse.duckdb'}")
    rows = PostgresTarget(
        url=url, schema_name="months", brin_columns=["pickup_at"], btree_columns=["pu_location_id"]
    )
    published = open_source(str(source))
    with Clock() as clock:
        for month in months:
            with tempfile.TemporaryDirectory(dir=home) as scratch:
                fetched = published.fetch(GREEN, month, Path(scratch))
                if fetched is None:
                    raise RuntimeError(f"{month} was not fetched")
                files.put("raw/green_trips", month, fetched.path, fetched.facts)
            with files.open("raw/green_trips", month) as raw:
                clean_month(raw, "green", lake_url, month)
            for target, name in (
                (rows, "green_trips"),
                (lake, "lake/green_trips"),
                (warehouse, "green_trips"),
            ):
                objects = lake.objects("cleaned/green_trips", month)
                if not (objects and target.replace_from(name, month, objects)):
                    target.replace(name, month, cleaned_rows("green", lake_url, month).reader)
    return clock.run()


def _fresh(directory: Path, url: str) -> Path:
    home = directory / "months"
    with suppress(FileNotFoundError):
        shutil.rmtree(home)
    home.mkdir()
    with psycopg.connect(url, autocommit=True) as connection:
        for schema in ("months", "months_audit"):
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))
        connection.execute("CREATE SCHEMA months")
        connection.execute("CHECKPOINT")
    return home


def _over(runs: dict[str, list[Run]], without: Sequence[str]) -> list[float]:
    """Seconds of the run, round by round, less what else has a name."""
    return [
        run.seconds - other.seconds - sum(run.phases[name] for name in without)
        for run, other in zip(runs["dagster"], runs["plain"], strict=True)
    ]


def _line(count: int, rows: int, runs: dict[str, list[Run]]) -> list[str]:
    rest = Spread.of(_over(runs, ("checks", "summary")))
    phases = [
        f"{Spread.of(run.phases[name] for run in runs['dagster']).median:.2f}"
        for name in ("checks", "summary")
    ]
    return [
        f"{count}",
        f"{rows:,}",
        seconds_of(runs["dagster"]),
        seconds_of(runs["plain"]),
        *phases,
        f"{rest.median:.2f}",
        f"{rest.median / count:.3f}",
    ]
