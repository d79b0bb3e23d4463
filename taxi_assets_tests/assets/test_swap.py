"""The stores are swapped by settings alone: a backfill fills the new ones, the old ones stay as they were.

A project on the embedded defaults moves to a Postgres server, a bucket and BigQuery (real server processes;
the latter two are emulators). What the stores hold is asked of each in its own SQL.
"""

import hashlib
import secrets
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import psycopg
import pytest
from dagster import AssetKey, DagsterInstance, ExecuteInProcessResult
from psycopg import sql

from taxi_assets.code_location import build_definitions
from taxi_assets.resources import build_resources
from taxi_assets.settings import Settings
from taxi_assets.targets.bigquery.connection import connect
from taxi_assets.targets.bigquery.names import parse_url
from taxi_assets.targets.embedded_postgres import EmbeddedPostgres
from taxi_assets_tests.servers.bigquery import EmulatorUnavailable, bigquery_emulator
from taxi_assets_tests.servers.gcs import GcsServer, fake_gcs

BUCKET = "taxi-lake"
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
MONTHS = {"green": ("2023-01", "2023-02"), "fhvhv": ("2023-01",)}
MONEY = {"green": "total_amount", "fhvhv": "base_passenger_fare"}
STAGES = ("cleaned", "quarantined", "lake", "postgres", "warehouse")

Sums = dict[tuple[str, date], tuple[int, Decimal]]
"""Service, month -> rows, dollars."""


@dataclass
class Project:
    """One TAXI_HOME and one Dagster instance, whatever the settings are."""

    home: Path
    instance: DagsterInstance

    def settings(self, **changed: str) -> Settings:
        usual = {"TAXI_HOME": str(self.home), "TAXI_SOURCE_URL": "synthetic?rows=1500&seed=3"}
        return Settings.from_environment(usual | changed)

    def run(self, settings: Settings) -> list[ExecuteInProcessResult]:
        """Each service's job, as one run over all its months."""
        definitions = build_definitions(settings)
        return [
            definitions.resolve_job_def(f"{service}_trips").execute_in_process(
                instance=self.instance,
                tags=dict(zip(RANGE, (months[0], months[-1]), strict=True)),
                raise_on_error=False,
            )
            for service, months in MONTHS.items()
        ]


@pytest.fixture(scope="module")
def gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GcsServer]:
    with fake_gcs(tmp_path_factory.mktemp("swap") / "gcs") as running:
        running.create_bucket(BUCKET)
        yield running


@pytest.fixture(scope="module")
def bigquery(gcs: GcsServer) -> Iterator[str]:
    try:
        with bigquery_emulator(gcs.root) as running:
            yield running.endpoint
    except EmulatorUnavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture
def project(tmp_path: Path, gcs: GcsServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project whose months stand in the embedded stores."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs.endpoint)
    made = Project(tmp_path / "home", DagsterInstance.ephemeral())
    try:
        assert all(result.success for result in made.run(made.settings()))
        yield made
    finally:
        EmbeddedPostgres(made.home / "postgres").stop()


def test_all_three_stores_are_swapped_and_back(
    project: Project, gcs: GcsServer, bigquery: str, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", bigquery)
    embedded = project.settings()
    new = project.settings(
        TAXI_POSTGRES_URL=postgres_url,
        TAXI_POSTGRES_SCHEMA="trips",
        TAXI_LAKE_URL=f"gs://{BUCKET}/{secrets.token_hex(4)}",
        TAXI_WAREHOUSE_URL=f"bigquery://test-project/d_{secrets.token_hex(4)}?location=US",
    )
    wanted, before, files = in_duckdb(embedded), standing(embedded), digests(project.home / "lake")
    assert len(wanted) == 3
    assert all(rows and dollars for rows, dollars in wanted.values())

    monkeypatch.setattr("taxi_assets.targets.bigquery.target.spool", _no_upload)
    assert_stored(project.run(new), "stored")

    assert in_postgres(new) == in_lake(new, gcs) == in_bigquery(new) == wanted
    assert standing(embedded) == before, "an old store was touched"
    assert digests(project.home / "lake") == files, "the old lake was touched"
    assert_stored(project.run(embedded), "already current")
    assert_stored(project.run(new), "already current")
    rows = {(service, month): count for (service, month), (count, _) in wanted.items()}
    assert in_trail(postgres_url) == dict.fromkeys(("postgres", "lake", "warehouse", "cleaned"), rows)


def in_trail(url: str) -> dict[str, dict[tuple[str, date], int]]:
    """Rows by the audit trail; every target that has the cleaned rows, one entry a month."""
    with psycopg.connect(url) as connection:
        entries = connection.execute(
            "SELECT target, service, trip_month, sum(rows_standing)::int FROM trips_audit.loads "
            "WHERE target NOT IN ('raw', 'quarantined') GROUP BY 1, 2, 3"
        ).fetchall()
    found: dict[str, dict[tuple[str, date], int]] = {}
    for target, service, month, count in entries:
        found.setdefault(target, {})[service, month] = count
    return found


@pytest.mark.slow
def test_the_lake_alone_is_swapped_and_the_other_stores_keep_what_they_have(
    project: Project, gcs: GcsServer
) -> None:
    embedded = project.settings()
    new = project.settings(TAXI_LAKE_URL=f"gs://{BUCKET}/{secrets.token_hex(4)}/deep/er")
    wanted, before = in_duckdb(embedded), standing(embedded)
    results = project.run(new)
    assert_stored(results, "stored", "cleaned", "quarantined", "lake")
    assert_stored(results, "already current", "postgres", "warehouse")
    assert in_lake(new, gcs) == in_postgres(new) == wanted
    assert standing(embedded) == before


def _no_upload(*_: object) -> None:
    raise AssertionError("rows were uploaded, though they lie in a bucket")


def assert_stored(results: list[ExecuteInProcessResult], status: str, *stages: str) -> None:
    """Every step and check went well, and every month of these stages (all) says this of itself."""
    found = {}
    for result in results:
        assert result.success
        evaluations = result.get_asset_check_evaluations()
        assert evaluations
        assert [one.check_name for one in evaluations if not one.passed] == []
        for event in result.get_asset_materialization_events():
            done = event.step_materialization_data.materialization
            if done.asset_key.path[0] in (stages or STAGES) and "status" in done.metadata:
                found[(*done.asset_key.path, done.partition)] = done.metadata["status"].value
    months = [(f"{service}_trips", month) for service, keys in MONTHS.items() for month in keys]
    assert found == {(stage, *month): status for stage in stages or STAGES for month in months}


def standing(settings: Settings) -> Mapping[str, object]:
    """Every month in every store, with the run that stored it."""
    resources = build_resources(settings)
    stores = {"cleaned": "lake", "quarantined": "lake", "lake": "lake"}
    found = {}
    for stage in STAGES:
        store = resources[stores.get(stage, stage)]
        for service in MONTHS:
            key = AssetKey([stage, f"{service}_trips"])
            found[key.to_user_string()] = store.partitions(store.table_name(key.path))
    return found


def digests(folder: Path) -> dict[str, str]:
    """Every file below the folder, hidden ones included, with what is in it and when it was written."""
    return {
        str(
            path.relative_to(folder)
        ): f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.stat().st_mtime}"
        for path in folder.rglob("*")
        if path.is_file() and ".scratch" not in path.parts
    }


def by_month(service: str, rows: list[tuple[object, ...]]) -> Sums:
    return {
        (service, date.fromisoformat(str(month))): (
            int(str(count)),
            Decimal(str(dollars)).quantize(Decimal("0.01")),
        )
        for month, count, dollars in rows
    }


def in_duckdb(settings: Settings) -> Sums:
    found: Sums = {}
    with closing(duckdb.connect(settings.warehouse_url.removeprefix("duckdb:///"))) as connection:
        for service, column in MONEY.items():
            query = (
                f"SELECT trip_month, count(*), sum({column}::DECIMAL(18, 2)) FROM {service}_trips GROUP BY 1"
            )
            found |= by_month(service, connection.execute(query).fetchall())
    return found


def in_lake(settings: Settings, gcs: GcsServer) -> Sums:
    """By the folders alone, as any hive reader sees them."""
    found: Sums = {}
    folder = gcs.root / settings.lake_url.removeprefix("gs://") / "lake"
    for service, column in MONEY.items():
        query = (
            f"SELECT trip_month, count(*), sum({column}::DECIMAL(18, 2))"
            " FROM read_parquet(?, hive_partitioning = true) GROUP BY 1"
        )
        pattern = str(folder / f"{service}_trips" / "*" / "*.parquet")
        found |= by_month(service, duckdb.connect().execute(query, [pattern]).fetchall())
    return found


def in_postgres(settings: Settings) -> Sums:
    found: Sums = {}
    url = settings.postgres_url
    if url == "embedded":
        url = EmbeddedPostgres(settings.home / "postgres").start()
    with psycopg.connect(url) as connection:
        for service, column in MONEY.items():
            query = sql.SQL(
                "SELECT trip_month, count(*), sum(round({}::numeric, 2)) FROM {} GROUP BY 1"
            ).format(sql.Identifier(column), sql.Identifier(settings.postgres_schema, f"{service}_trips"))
            found |= by_month(service, connection.execute(query).fetchall())
    return found


def in_bigquery(settings: Settings) -> Sums:
    found: Sums = {}
    connection = connect(parse_url(settings.warehouse_url), 10, 10)
    for service, column in MONEY.items():
        rows = connection.query(
            f"SELECT trip_month, COUNT(*), SUM(ROUND(CAST({column} AS NUMERIC), 2))"
            f" FROM {connection.place.sql(f'{service}_trips')} GROUP BY 1"
        )
        found |= by_month(service, [tuple(row.values()) for row in rows])
    return found
