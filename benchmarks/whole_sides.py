"""The ways of a published yellow month into three stores that are compared, each in a process of its own.

Every side parts valid rows from rejected ones, keeps both as Parquet, and puts the valid ones into Postgres
(two indexes, statistics) and into a DuckDB file. It checks afterwards, off the clock, what each store holds.
"""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pathlib import Path

import psycopg
import pyarrow.parquet as pq
from psycopg import sql

from benchmarks.clock import Clock
from benchmarks.postgres_sides import Place, prepared_copy
from benchmarks.published import good, index_statements, kept_by_pandas, table_statement
from benchmarks.rounds import Run
from taxi_assets.targets.postgres_binaries import find_tools
from taxi_assets.tlc.services import ServiceName

LOADED_LATER = ("dagster_pandas", "matplotlib.figure", "matplotlib.backends.backend_svg")
"""What a run imports when it first needs it."""


@dataclass(frozen=True)
class Month:
    """What every side gets.

    Attributes:
        raw: The published file, in a directory that holds nothing else.
        service: Whose it is.
        month: Of which month.
        url: The Postgres server.
        directory: Where a side may write.
    """

    raw: Path
    service: ServiceName
    month: date
    url: str
    directory: Path

    def fresh(self, side: str) -> Path:
        """An empty directory and an empty schema of the side's name; the server owes the disk nothing."""
        directory = self.directory / side
        with suppress(FileNotFoundError):
            shutil.rmtree(directory)
        directory.mkdir(parents=True)
        with psycopg.connect(self.url, autocommit=True) as connection:
            for schema in (side, f"{side}_audit"):
                connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(side)))
            connection.execute("CHECKPOINT")
        return directory

    def settings(self, side: str) -> Mapping[str, str]:
        """The environment of the product for a side."""
        return {
            "TAXI_HOME": str(self.directory / side),
            "TAXI_POSTGRES_URL": self.url,
            "TAXI_POSTGRES_SCHEMA": side,
            "TAXI_SOURCE_URL": str(self.raw.parent),
        }

    def held(self, side: str, table: str, parquet: Path, duckdb_table: str) -> int:
        """Rows that all three stores hold, by asking them.

        Raises:
            RuntimeError: They do not hold the same.
        """
        import duckdb

        with psycopg.connect(self.url) as connection:
            count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(side, table))
            in_postgres = (connection.execute(count).fetchone() or (0,))[0]
        with duckdb.connect(str(self.directory / side / "warehouse.duckdb")) as warehouse:
            counted = warehouse.execute(f"SELECT count(*) FROM {duckdb_table}").fetchone()
        in_lake = pq.read_metadata(parquet).num_rows
        if not in_lake == in_postgres == (counted or (0,))[0]:
            raise RuntimeError(
                f"{side}: {in_postgres} in Postgres, {in_lake} in Parquet, {counted} in DuckDB"
            )
        return int(in_lake)


def import_the_rest() -> None:
    """Import what a run would import later: before the clock starts, as on every side."""
    for name in LOADED_LATER:
        import_module(name)


def ours(month: Month, side: str = "ours") -> Run:
    """The service's job, as ``taxi-assets load`` runs it: checks, summary, pictures and audit trail too."""
    from rich.console import Console

    from benchmarks.run_profile import phases_of
    from taxi_assets.code_location import build_definitions
    from taxi_assets.instance import open_instance
    from taxi_assets.load import run_job
    from taxi_assets.settings import Settings

    import_the_rest()
    directory = month.fresh(side)
    settings = Settings.from_environment(month.settings(side))
    definitions = build_definitions(settings)
    table = f"{month.service}_trips"
    with open_instance(settings) as instance:
        with Clock() as clock:
            done = run_job(definitions, table, instance, Console(quiet=True), (month.month, month.month))
        if not done:
            raise RuntimeError("the run failed")
        clock.phases.update(phases_of(instance, instance.get_runs(limit=1)[0].run_id))
    stored = directory / "lake" / "lake" / table / f"trip_month={month.month}" / f"{table}.parquet"
    return clock.run(month.held(side, table, stored, table))


def course(month: Month) -> Run:
    """The data engineering course's way, with the faster of its loads: CSV and COPY, not ``to_sql``."""
    import duckdb
    import pandas as pd

    directory = month.fresh("course")
    with Clock() as clock:
        with clock.phase("read"):
            trips = pd.read_parquet(month.raw)
        with clock.phase("filter"):
            kept = kept_by_pandas(trips, month.month)
            rejected, trips = trips[~kept], trips[kept]
        with clock.phase("Parquet"):
            rejected.to_parquet(directory / "quarantined.parquet", compression="zstd", index=False)
            trips.to_parquet(directory / "trips.parquet", compression="zstd", index=False)
        with clock.phase("CSV"):
            # Whole numbers with nulls are floats in pandas, "1.0" in a CSV, and no bigint to Postgres.
            numbers = [name for name in ("passenger_count", "RatecodeID") if name in trips]
            whole = trips.astype(dict.fromkeys(numbers, "Int64"))
            whole.to_csv(directory / "trips.csv", index=False, header=False)
        with clock.phase("Postgres"), psycopg.connect(month.url) as connection:
            connection.execute(table_statement(month.raw, "course.trips").encode())
            with (
                connection.cursor().copy("COPY course.trips FROM STDIN (FORMAT csv)") as copy,
                (directory / "trips.csv").open("rb") as file,
            ):
                while block := file.read(1 << 20):
                    copy.write(block)
            for statement in index_statements("course.trips"):
                connection.execute(statement.encode())
        with clock.phase("warehouse"), duckdb.connect(str(directory / "warehouse.duckdb")) as warehouse:
            warehouse.execute("SET enable_progress_bar = false")
            warehouse.register("frame", trips)
            warehouse.execute("CREATE TABLE trips AS SELECT * FROM frame")
    return clock.run(month.held("course", "trips", directory / "trips.parquet", "trips"))


_SCRIPT = r"""
set -e
duckdb() {{ "{python}" -c 'import duckdb, sys; duckdb.connect(sys.argv[1]).execute(sys.stdin.read())' "$1"; }}
cd "{directory}"
duckdb warehouse.duckdb <<SQL
SET preserve_insertion_order = false;
COPY (FROM '{raw}' WHERE {good}) TO 'trips.parquet' (COMPRESSION zstd);
COPY (FROM '{raw}' WHERE ({good}) IS NOT TRUE) TO 'quarantined.parquet' (COMPRESSION zstd);
COPY (FROM 'trips.parquet') TO 'trips.csv' (HEADER false);
CREATE TABLE trips AS FROM 'trips.parquet';
SQL
"{psql}" -X -q -v ON_ERROR_STOP=1 "{url}" <<SQL
BEGIN;
{table};
\copy script.trips FROM 'trips.csv' WITH (FORMAT csv, FREEZE)
{indexes};
COMMIT;
SQL
"""


def script(month: Month) -> Run:
    r"""A shell script of DuckDB and psql: Parquet, CSV, ``\copy``, and a table out of the Parquet."""
    directory = month.fresh("script")
    text = _SCRIPT.format(
        python=sys.executable,
        directory=directory,
        raw=month.raw,
        good=good(month.month),
        psql=find_tools(month.directory).folder / "psql",
        url=month.url,
        table=table_statement(month.raw, "script.trips"),
        indexes=";\n".join(index_statements("script.trips")),
    )
    with Clock() as clock:
        subprocess.run(["bash", "-c", text], check=True, stdout=subprocess.DEVNULL)
    return clock.run(month.held("script", "trips", directory / "trips.parquet", "trips"))


def limit(month: Month, prepared: Place) -> Run:
    """What can't be less: decode the file, copy prepared binary rows, build two indexes, ANALYZE.

    One after the other, as decode and copy of our side are: nothing is kept as Parquet, nothing in DuckDB.
    """
    statements = (
        'CREATE INDEX ON {table} USING brin ("pickup_at")',
        'CREATE INDEX ON {table} ("pu_location_id")',
        "ANALYZE {table}",
    )
    with prepared_copy(prepared, *statements) as copy, Clock() as clock:
        with clock.phase("decode"), pq.ParquetFile(month.raw) as file:
            rows = sum(batch.num_rows for batch in file.iter_batches())
        with clock.phase("COPY and indexes"):
            copy()
    return clock.run(rows)


def drained(month: Month) -> Run:
    """Our pass over the file alone, its rows thrown away: what cleaning costs without any store."""
    from taxi_assets.tlc.clean import clean

    scratch = month.fresh("drained")
    with (
        Clock() as clock,
        clean(month.raw, month.service, month.month, scratch) as cleaning,
    ):
        kept = sum(batch.num_rows for batch in cleaning.cleaned())
    return clock.run(kept)
