"""Ways of cleaned rows, in one Parquet file, into a DuckDB file that holds other months already."""

from datetime import date
from pathlib import Path

from benchmarks.clock import Clock
from benchmarks.months import MONTH, cleaned_rows
from benchmarks.rounds import Run
from taxi_assets.targets.duckdb import DuckDBTarget
from taxi_assets.targets.parquet import ParquetTarget

TABLE = "yellow_trips"


def ours(lake_url: str, directory: Path) -> Run:
    """``DuckDBTarget``, as the IO manager calls it: from the lake's files if it can, else by a stream."""
    path = _fresh(directory, "ours")
    target, lake = DuckDBTarget(url=f"duckdb:///{path}"), ParquetTarget(url=lake_url)
    with Clock() as clock:
        objects = lake.objects(f"cleaned/{TABLE}", MONTH)
        report = target.replace_from(TABLE, MONTH, objects) if objects else None
        if report is None:
            report = target.replace(TABLE, MONTH, cleaned_rows("yellow", lake_url).reader)
    return clock.run(report.rows)


def stock(file: Path, directory: Path) -> Run:
    """Dagster's own: an asset that returns a data frame, and ``DuckDBPandasIOManager``, by month."""
    import pandas as pd
    from dagster import DagsterInstance, MonthlyPartitionsDefinition, asset, materialize
    from dagster_duckdb_pandas import DuckDBPandasIOManager

    path = _fresh(directory, "stock")

    @asset(
        partitions_def=MonthlyPartitionsDefinition(start_date="2023-12-01"),
        metadata={"partition_expr": "pickup_at"},
    )
    def yellow_trips() -> pd.DataFrame:
        return pd.read_parquet(file)

    manager = DuckDBPandasIOManager(database=str(path), schema="main")
    with DagsterInstance.ephemeral() as instance, Clock() as clock:
        materialize(
            [yellow_trips],
            partition_key=str(MONTH),
            resources={"io_manager": manager},
            instance=instance,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    return clock.run(_counted(path))


def pandas(file: Path, directory: Path) -> Run:
    """A data frame, and SQL over it."""
    import duckdb
    import pandas as pd

    path = _fresh(directory, "pandas")
    with Clock() as clock, duckdb.connect(str(path)) as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.register("frame", pd.read_parquet(file))
        connection.execute(f"CREATE TABLE {TABLE} AS SELECT * FROM frame")
    return clock.run(_counted(path))


def duckdb_alone(file: Path, directory: Path) -> Run:
    """DuckDB's own reader: nothing in Python, no month that could be replaced."""
    import duckdb

    path = _fresh(directory, "alone")
    with Clock() as clock, duckdb.connect(str(path)) as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(f"CREATE TABLE {TABLE} AS FROM read_parquet('{file}', hive_partitioning = false)")
    return clock.run(_counted(path))


def stored(lake_url: str, month: date = MONTH) -> Path:
    """The cleaned month's file."""
    return Path(lake_url) / "cleaned" / TABLE / f"trip_month={month}" / f"{TABLE}.parquet"


def _fresh(directory: Path, side: str) -> Path:
    path = directory / f"{side}.duckdb"
    path.unlink(missing_ok=True)
    return path


def _counted(path: Path) -> int:
    import duckdb

    with duckdb.connect(str(path)) as connection:
        return int((connection.execute(f"SELECT count(*) FROM {TABLE}").fetchone() or (0,))[0])
