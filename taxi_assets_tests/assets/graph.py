"""The whole graph over stores of a test's own: run it, and look into the stores without its help.

What a store holds is asked of the store itself, in SQL or of its Parquet files, so that no test trusts the
code that it judges.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from dagster import (
    AssetCheckEvaluation,
    AssetKey,
    AssetMaterialization,
    DagsterEventType,
    DagsterInstance,
    Definitions,
    ExecuteInProcessResult,
)
from psycopg import sql

from taxi_assets.code_location import build_definitions
from taxi_assets.settings import Settings
from taxi_assets.targets.duckdb_file import opened
from taxi_assets.tlc.services import SERVICES, month_key, next_month, parse_month

SYNTHETIC = "synthetic?rows=3000&seed=1"
TARGETS = ("postgres", "lake", "warehouse")
_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


@dataclass
class Graph:
    """A code location over empty stores, and an instance that remembers its runs.

    Attributes:
        home: Where the stores are that need no server.
        postgres_url: Of an empty database.
        source_url: Where the published files come from.
        variables: More of the environment.
        instance: Remembers.
        summed: Whether runs sum months up, and draw them, as every run of the product does. It is a fifth of
            their time, so only the tests that look at it have it.
    """

    home: Path
    postgres_url: str
    source_url: str = SYNTHETIC
    variables: Mapping[str, str] = field(default_factory=dict)
    instance: DagsterInstance = field(default_factory=DagsterInstance.ephemeral)
    summed: bool = False
    _built: tuple[Settings, Definitions] | None = field(default=None, init=False, repr=False)

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(
            {
                "TAXI_HOME": str(self.home),
                "TAXI_POSTGRES_URL": self.postgres_url,
                "TAXI_SOURCE_URL": self.source_url,
                "TAXI_RETRY_SECONDS": "0",
                **self.variables,
            }
        )

    @property
    def definitions(self) -> Definitions:
        """As long as the settings stay the same, the same: a third of a second's work."""
        if self._built is None or self._built[0] != self.settings:
            self._built = (self.settings, build_definitions(self.settings))
        return self._built[1]

    @property
    def warehouse(self) -> str:
        return str(self.home / "warehouse.duckdb")

    def run(
        self,
        service: str,
        first: str,
        last: str | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        resources: Mapping[str, Any] | None = None,
        only: Sequence[str] | None = None,
    ) -> ExecuteInProcessResult:
        """Run a service's job over one month, or over those from ``first`` to ``last`` in one run."""
        job = self.definitions.resolve_job_def(f"{service}_trips")
        chosen = {trips(stage, service) for stage in only} if only else None
        if chosen is None and not self.summed:
            chosen = set(job.asset_layer.executable_asset_keys) - {trips("monthly_summary", service)}
        return job.execute_in_process(
            instance=self.instance,
            run_config=dict(config or {}),
            partition_key=None if last else first,
            tags=dict(zip(_RANGE, (first, last), strict=True)) if last else None,
            resources=dict(resources) if resources else None,
            asset_selection=sorted(chosen) if chosen else None,
            raise_on_error=False,
        )

    def check(
        self,
        service: str,
        first: str,
        last: str | None = None,
        *,
        name: str | None = None,
        resources: Mapping[str, Any] | None = None,
    ) -> ExecuteInProcessResult:
        """Run a service's checks alone, all or those of a name, over the months that ``run`` would take."""
        job = self.definitions.resolve_job_def(f"{service}_trips")
        checks = {
            key
            for key in job.asset_layer.asset_graph.asset_check_keys
            if key.asset_key.path[0] != "zones" and name in (None, key.name)
        }
        subset = job.get_subset(asset_selection=set(), asset_check_selection=checks)
        return subset.execute_in_process(
            instance=self.instance,
            partition_key=None if last else first,
            tags=dict(zip(_RANGE, (first, last), strict=True)) if last else None,
            resources=dict(resources) if resources else None,
            raise_on_error=False,
        )

    def recorded(self, key: AssetKey) -> list[str]:
        """The months that the instance knows to be materialized."""
        return sorted(self.instance.get_materialized_partitions(key))

    def file(self, stage: str, service: str, month: str) -> Path:
        """The Parquet file of a month in the lake."""
        name = f"{service}_trips"
        return self.home / "lake" / stage / name / f"trip_month={month}-01" / f"{name}.parquet"

    def raw_file(self, service: str, month: str) -> Path:
        """The published file of a month as the lake keeps it."""
        folder = self.home / "lake" / "raw" / f"{service}_trips" / f"trip_month={month}-01"
        (path,) = (path for path in folder.iterdir() if not path.name.startswith("."))
        return path

    def lake_rows(self, stage: str, service: str, month: str) -> "Counter[tuple[object, ...]]":
        """Rows of a month's file in the lake."""
        return bag(pq.ParquetFile(self.file(stage, service, month)).read())

    def forget_in_postgres(self, service: str, month: str) -> None:
        """Drop a month's partition behind Dagster's back."""
        name = f"{service}_trips_{month.replace('-', '_')}_01"
        with psycopg.connect(self.postgres_url) as connection:
            connection.execute(sql.SQL("DROP TABLE taxi.{}").format(sql.Identifier(name)))

    def postgres_rows(self, service: str, month: str) -> "Counter[tuple[object, ...]]":
        """Rows of a month by SQL."""
        columns = pq.read_schema(self.file("cleaned", service, month)).names
        query = sql.SQL("SELECT {} FROM taxi.{} WHERE trip_month = %s").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(f"{service}_trips")
        )
        with psycopg.connect(self.postgres_url) as connection:
            return Counter(connection.execute(query, [parse_month(month)]).fetchall())

    def warehouse_rows(self, service: str, month: str) -> "Counter[tuple[object, ...]]":
        """Rows of a month by SQL."""
        columns = pq.read_schema(self.file("cleaned", service, month)).names
        names = ", ".join(f'"{column}"' for column in columns)
        with self.opened_warehouse() as connection:
            found = connection.execute(
                f'SELECT {names} FROM "{service}_trips" WHERE trip_month = ?', [parse_month(month)]
            )
            return Counter(found.fetchall())

    def targets(self, service: str, month: str) -> "dict[str, Counter[tuple[object, ...]]]":
        """Rows of a month in all three targets."""
        return {
            "postgres": self.postgres_rows(service, month),
            "lake": self.lake_rows("lake", service, month),
            "warehouse": self.warehouse_rows(service, month),
        }

    def counts(self, service: str) -> dict[str, dict[str, int]]:
        """Rows per month in each target, whatever months stand there."""
        return {
            "postgres": self.postgres_counts(service),
            "lake": self.lake_counts(service),
            "warehouse": self.warehouse_counts(service),
        }

    def postgres_counts(self, service: str) -> dict[str, int]:
        """Rows per month, in one query; empty before the table is there."""
        query = sql.SQL("SELECT trip_month, count(*) FROM taxi.{} GROUP BY 1 ORDER BY 1")
        with psycopg.connect(self.postgres_url) as connection:
            (there,) = (
                connection.execute("SELECT to_regclass(%s)", [f"taxi.{service}_trips"]).fetchone() or ()
            )
            if there is None:
                return {}
            rows = connection.execute(query.format(sql.Identifier(f"{service}_trips"))).fetchall()
        return {month_key(month): count for month, count in rows}

    def lake_counts(self, service: str) -> dict[str, int]:
        """Rows per month, by the files' footers."""
        files = sorted((self.home / "lake" / "lake" / f"{service}_trips").glob("trip_month=*/*.parquet"))
        return {path.parent.name[-10:-3]: pq.read_metadata(path).num_rows for path in files}

    def opened_warehouse(self) -> duckdb.DuckDBPyConnection:
        """The warehouse's file, which a run of something that follows the months may still have."""
        return opened(Path(self.warehouse), timeout_s=60, memory_limit="200MB")

    def warehouse_counts(self, service: str) -> dict[str, int]:
        """Rows per month; empty before the table is there."""
        if not Path(self.warehouse).exists():
            return {}
        with self.opened_warehouse() as connection:
            names = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
            if (f"{service}_trips",) not in names:
                return {}
            query = f'SELECT trip_month, count(*) FROM "{service}_trips" GROUP BY 1 ORDER BY 1'
            return {month_key(month): count for month, count in connection.execute(query).fetchall()}


def trips(stage: str, service: str) -> AssetKey:
    """``cleaned/green_trips``."""
    return AssetKey([stage, f"{service}_trips"])


def bag(table: pa.Table) -> "Counter[tuple[object, ...]]":
    """Rows as a multiset: a month has no order."""
    return Counter(zip(*(column.to_pylist() for column in table.columns), strict=True))


def months(first: str, last: str) -> list[str]:
    """Keys of the months from ``first`` to ``last``."""
    found = [parse_month(first)]
    while found[-1] < parse_month(last):
        found.append(next_month(found[-1]))
    return [month_key(month) for month in found]


def materializations(result: ExecuteInProcessResult, stage: str) -> dict[str, AssetMaterialization]:
    """The run's materializations of a stage by month; the last one where a month has several."""
    found = [
        event.step_materialization_data.materialization
        for event in result.all_events
        if event.event_type == DagsterEventType.ASSET_MATERIALIZATION
    ]
    return {str(one.partition): one for one in found if one.asset_key.path[0] == stage}


def shown(materialization: AssetMaterialization) -> dict[str, Any]:
    """The metadata of a materialization as plain values."""
    return {name: value.value for name, value in materialization.metadata.items()}


def statuses(result: ExecuteInProcessResult, stage: str) -> dict[str, object]:
    """What the run says that it did with each month of a stage."""
    return {month: shown(one)["status"] for month, one in materializations(result, stage).items()}


def evaluations(result: ExecuteInProcessResult) -> list[AssetCheckEvaluation]:
    """Every evaluation of a check in the run."""
    return list(result.get_asset_check_evaluations())


def failures(result: ExecuteInProcessResult) -> list[str]:
    """What the run's failed steps say, outermost cause last; proves that none was tried again."""
    types = [event.event_type for event in result.all_events]
    assert DagsterEventType.STEP_UP_FOR_RETRY not in types, "a permanent failure was tried again"
    return [
        _text(event.step_failure_data)
        for event in result.all_events
        if event.event_type == DagsterEventType.STEP_FAILURE
    ]


def _text(data: Any) -> str:
    user = data.user_failure_data
    return str(user.description if user else data.error_display_string)


def publish(directory: Path, service: str, *keys: str, rows: int = 3000, seed: int = 1) -> Path:
    """Write synthetic months as a publisher's directory would hold them."""
    from taxi_assets.tlc.synthetic import write_month

    directory.mkdir(exist_ok=True)
    found = SERVICES[service]  # type: ignore[index]
    for key in keys:
        write_month(directory / found.file_name(parse_month(key)), found, parse_month(key), rows, seed)
    return directory
