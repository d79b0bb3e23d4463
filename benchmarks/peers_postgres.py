"""Ways of cleaned rows, in one Parquet file, into a Postgres table: each as its own users write it.

Ours, psql with a binary file and ADBC are in ``postgres_sides``. What a tool adds of its own accord (dlt's
two columns, sling's staging table) belongs to the tool and stays.
"""

import os
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pyarrow.parquet as pq
from psycopg import sql

from benchmarks.clock import Clock
from benchmarks.postgres_sides import SCHEMA
from benchmarks.published import table_statement
from benchmarks.rounds import Run
from taxi_assets.targets.postgres_binaries import find_tools

QUIET = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "SLING_DISABLE_TELEMETRY": "true",
    "SLING_LOGGING": "NO_COLOR",
}
"""Nobody is told that a benchmark runs."""


@dataclass(frozen=True)
class Rows:
    """Where the rows come from and go to.

    Attributes:
        file: The cleaned month.
        url: The server.
        directory: Where a side may write.
        tcp_url: The server over TCP.
    """

    file: Path
    url: str
    directory: Path
    tcp_url: str = ""

    def fresh(self, side: str) -> str:
        """The side's table, gone if it stood; the server owes the disk nothing."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(SCHEMA, side)))
            connection.execute("CHECKPOINT")
        return f"{SCHEMA}.{side}"

    def counted(self, side: str) -> int:
        """Rows in the side's table."""
        with psycopg.connect(self.url) as connection:
            count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(SCHEMA, side))
            return int((connection.execute(count).fetchone() or (0,))[0])


def prepare_csv(rows: Rows) -> Path:
    """The rows as CSV, for psql and sling."""
    import pyarrow.csv

    path = rows.directory / "rows.csv"
    with pq.ParquetFile(rows.file) as file, pyarrow.csv.CSVWriter(path, file.schema_arrow) as writer:
        for batch in file.iter_batches():
            writer.write_batch(batch)
    return path


def psql_csv(rows: Rows) -> Run:
    r"""``psql \copy`` of a prepared CSV."""
    table = rows.fresh("psql_csv")
    copy = f"\\copy {table} FROM '{rows.directory / 'rows.csv'}' WITH (FORMAT csv, HEADER, FREEZE)"
    parts = ("BEGIN", table_statement(rows.file, table), copy, "COMMIT")
    words = [word for part in parts for word in ("-c", part)]
    program = find_tools(rows.directory).folder / "psql"
    with Clock() as clock:
        subprocess.run([program, "-X", "-q", "-v", "ON_ERROR_STOP=1", *words, rows.url], check=True)
    return clock.run(rows.counted("psql_csv"))


def polars(rows: Rows) -> Run:
    """``write_database`` with the engine that its documentation calls the faster one."""
    import polars as pl

    table = rows.fresh("polars")
    with Clock() as clock:
        frame = pl.read_parquet(rows.file)
        frame.write_database(table, rows.url, engine="adbc", if_table_exists="replace")
    return clock.run(rows.counted("polars"))


def pandas(rows: Rows) -> Run:
    """CSV and COPY, a tenth of the time of ``to_sql``."""
    import pandas as pd

    table = rows.fresh("pandas")
    path = rows.directory / "pandas.csv"
    with Clock() as clock, psycopg.connect(rows.url) as connection:
        frame = pd.read_parquet(rows.file, dtype_backend="numpy_nullable")
        frame.to_csv(path, index=False, header=False)
        connection.execute(table_statement(rows.file, table).encode())
        copy = sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(sql.Identifier(SCHEMA, "pandas"))
        with connection.cursor().copy(copy) as copying, path.open("rb") as file:
            while block := file.read(1 << 20):
                copying.write(block)
    return clock.run(rows.counted("pandas"))


def dlt(rows: Rows) -> Run:
    """Arrow batches yielded to a pipeline, Parquet as its loader's format: into Postgres through ADBC."""
    for table in ("dlt", "_dlt_version", "_dlt_loads", "_dlt_pipeline_state"):
        rows.fresh(table)  # what it remembers in the schema too, or it believes that its table stands
    return _dlt(rows, "dlt", "postgres", rows.tcp_url)


def dlt_duckdb(rows: Rows) -> Run:
    """The same pipeline into a DuckDB file."""
    import duckdb

    path = rows.directory / "dlt.duckdb"
    path.unlink(missing_ok=True)
    run = _dlt(rows, "dlt_duckdb", "duckdb", str(path))
    with duckdb.connect(str(path)) as connection:
        counted = connection.execute(f"SELECT count(*) FROM {SCHEMA}.dlt_duckdb").fetchone()
    return Run(run.seconds, processor_seconds=run.processor_seconds, rows=(counted or (0,))[0])


def _dlt(rows: Rows, name: str, destination: str, where: str) -> Run:
    os.environ.update(QUIET)
    import dlt as dlt_library

    home = rows.directory / f"{name}-{os.getpid()}"
    place = getattr(dlt_library.destinations, destination)(where)
    with Clock() as clock, pq.ParquetFile(rows.file) as file:
        pipeline = dlt_library.pipeline(name, destination=place, dataset_name=SCHEMA, pipelines_dir=str(home))
        batches = dlt_library.resource(file.iter_batches(1 << 17), name=name)
        pipeline.run(batches, write_disposition="replace", loader_file_format="parquet")
    return clock.run(rows.counted(name) if destination == "postgres" else 0)


def sling(rows: Rows) -> Run:
    """One command of its own, from CSV: for Parquet it would fetch a DuckDB from the network first."""
    table = rows.fresh("sling")
    program = Path(sysconfig.get_path("purelib")) / "sling_linux_amd64" / "bin" / "sling-linux-amd64"
    home = rows.directory / "sling-home"
    environment = {**os.environ, **QUIET, "SLING_HOME_DIR": str(home), "TARGET": rows.tcp_url}
    environment["SAMPLE_SIZE"] = "100000"  # of 900 rows it takes a column of dollars for whole numbers
    line = [
        str(program),
        "run",
        "--src-stream",
        f"file://{rows.directory / 'rows.csv'}",
        "--tgt-conn",
        "TARGET",
    ]
    with Clock() as clock:
        done = subprocess.run(
            [*line, "--tgt-object", table, "--mode", "full-refresh"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    return clock.run(rows.counted("sling"))
