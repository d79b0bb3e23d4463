"""A lake on gs:// feeds BigQuery by one load job from its own objects, through the IO managers."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from dagster import (
    AssetIn,
    AssetsDefinition,
    ExecuteInProcessResult,
    MonthlyPartitionsDefinition,
    asset,
    materialize,
)

from taxi_assets.targets.bigquery import BigQueryTarget
from taxi_assets.targets.bigquery.connection import EMULATOR_VARIABLE
from taxi_assets.targets.bigquery.load import loadable
from taxi_assets.targets.io_manager import TargetIOManager
from taxi_assets.targets.lazy import LazyPartition, LazyPartitions
from taxi_assets.targets.parquet import ParquetTarget
from taxi_assets.targets.target import Objects, Target
from taxi_assets_tests.contract.rows import FEBRUARY, JANUARY, bag, held, trips
from taxi_assets_tests.servers.bigquery import Emulator
from taxi_assets_tests.servers.bigquery_api import Api, bigquery_api
from taxi_assets_tests.servers.gcs import GcsServer, fake_gcs

MONTHS = MonthlyPartitionsDefinition("2024-01", fmt="%Y-%m")
ACME = "bigquery://acme/taxi?location=US"
UPLOAD = "/upload/bigquery/v2/projects/acme/jobs"
UPSTREAM = "cleaned/trips"


@pytest.fixture(scope="session")
def gcs(emulator: Emulator) -> Iterator[GcsServer]:
    """Cloud Storage over the directory in which the BigQuery emulator looks for gs:// objects."""
    assert emulator.gcs_root is not None
    with fake_gcs(emulator.gcs_root) as running:
        running.create_bucket("objects")
        yield running


@pytest.fixture
def lake(gcs: GcsServer, monkeypatch: pytest.MonkeyPatch) -> ParquetTarget:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs.endpoint)
    return ParquetTarget(url=f"gs://objects/{secrets.token_hex(4)}/lake")


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    with bigquery_api() as running:
        monkeypatch.setenv(EMULATOR_VARIABLE, running.endpoint)
        running.answers = [(r"SELECT COUNT\(\*\)", [{"f0_": 0}])]
        yield running


def graph(months: Mapping[str, pa.Table], version: str) -> list[AssetsDefinition]:
    """An asset that makes the months, and one that hands them on."""

    def made(key: str) -> LazyPartition:
        return LazyPartition(open=lambda: nullcontext(months[key]), facts={"version": version})

    @asset(key=UPSTREAM.split("/"), partitions_def=MONTHS, io_manager_key="lake_io")
    def upstream() -> LazyPartitions:
        return LazyPartitions(list(months), made)

    @asset(
        key=["warehouse", "trips"],
        ins={"cleaned": AssetIn(UPSTREAM.split("/"))},
        partitions_def=MONTHS,
        io_manager_key="warehouse_io",
    )
    def downstream(cleaned: LazyPartitions) -> LazyPartitions:
        return cleaned

    return [upstream, downstream]


def run(
    lake: ParquetTarget, warehouse: Target, rows: pa.Table, version: str = "1", key: str = "2024-01"
) -> ExecuteInProcessResult:
    resources = {"lake_io": TargetIOManager(target=lake), "warehouse_io": TargetIOManager(target=warehouse)}
    return materialize(
        graph({key: rows}, version), resources=resources, partition_key=key, raise_on_error=False
    )


def shown(result: ExecuteInProcessResult) -> Mapping[str, Any]:
    (event,) = result.asset_materializations_for_node("warehouse__trips")
    return {name: value.value for name, value in event.metadata.items()}


def no_uploads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("rows passed through this process")

    monkeypatch.setattr("taxi_assets.targets.bigquery.target.spool", refuse)


def test_a_month_on_the_lake_is_loaded_from_there_and_is_the_same_rows(
    lake: ParquetTarget, target: BigQueryTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    streamed = BigQueryTarget(url=target.url.replace("/d_", "/s_"), load_objects=False)
    uploaded = run(lake, streamed, trips(500, 1))
    assert uploaded.success
    no_uploads(monkeypatch)
    result = run(lake, target, trips(500, 1))
    assert result.success
    assert held(target, table="trips") == held(streamed, table="trips") == bag(trips(500, 1))
    found, same = target.read("trips").read_all(), streamed.read("trips").read_all()
    assert found.schema == same.schema
    assert found["trip_month"].unique().to_pylist() == [JANUARY]
    money = ["fare_amount", "passenger_count"]
    assert target.totals("trips", JANUARY, money) == lake.totals(UPSTREAM, JANUARY, money)
    facts = target.partitions("trips")[JANUARY].facts
    assert (facts["version"], facts["run_id"]) == ("1", result.run_id)
    metadata = shown(result)
    assert (metadata["status"], metadata["dagster/partition_row_count"]) == ("stored", 500)
    assert metadata["version"] == "1"
    assert metadata["preview"] == shown(uploaded)["preview"]


def test_a_month_that_changed_on_the_lake_is_replaced_and_one_that_did_not_is_passed_over(
    lake: ParquetTarget, target: BigQueryTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_uploads(monkeypatch)
    run(lake, target, trips(50, 1))
    run(lake, target, trips(20, 2, FEBRUARY), key="2024-02")
    assert shown(run(lake, target, trips(50, 1)))["status"] == "already current"
    changed = run(lake, target, trips(70, 3), version="2")
    assert (shown(changed)["status"], shown(changed)["rows_replaced"]) == ("replaced", 50)
    assert held(target, JANUARY, "trips") == bag(trips(70, 3))
    assert held(target, FEBRUARY, "trips") == bag(trips(20, 2, FEBRUARY))


def test_the_load_job_names_the_lakes_objects_and_nothing_is_uploaded(lake: ParquetTarget, api: Api) -> None:
    api.rows = 40
    warehouse = BigQueryTarget(url=ACME, replace_by="write_truncate")
    assert run(lake, warehouse, trips(40)).success
    (job,) = api.loads()
    load = job["configuration"]["load"]
    assert load["sourceUris"] == [f"{lake.url}/{UPSTREAM}/trip_month=2024-01-01/trips.parquet"]
    assert load["destinationTable"]["tableId"] == "trips$202401"
    assert load["hivePartitioningOptions"] == {
        "mode": "CUSTOM", "sourceUriPrefix": f"{lake.url}/{UPSTREAM}/{{trip_month:DATE}}"
    }  # fmt: skip
    assert not api.asked("POST", UPLOAD)


def test_a_load_of_another_number_of_rows_fails_the_step_for_good(lake: ParquetTarget, api: Api) -> None:
    api.rows = 39
    warehouse = BigQueryTarget(url=ACME, replace_by="write_truncate")
    result = run(lake, warehouse, trips(40))
    (failed,) = result.get_step_failure_events()
    cause = failed.step_failure_data.user_failure_data
    assert cause is not None
    assert "loaded 39 rows out of a file of 40" in str(cause.description)
    assert not result.is_node_success("warehouse__trips")


@pytest.mark.parametrize("where", ["a directory", "cut by day", "switched off"])
def test_what_the_service_can_not_load_by_itself_is_uploaded(
    lake: ParquetTarget, api: Api, tmp_path: Path, where: str
) -> None:
    api.rows = 40
    warehouse = BigQueryTarget(url=ACME, replace_by="write_truncate", load_objects=where != "switched off")
    by_day = "pickup_datetime" if where == "cut by day" else None
    url = str(tmp_path) if where == "a directory" else lake.url
    assert run(ParquetTarget(url=url, partition_by_day=by_day), warehouse, trips(40)).success
    (job,) = api.loads()
    assert "sourceUris" not in job["configuration"]["load"]
    assert len(api.asked("POST", UPLOAD)) == 1


def test_a_table_whose_columns_the_object_lacks_is_loaded_by_name(
    lake: ParquetTarget, target: BigQueryTarget
) -> None:
    run(lake, target, trips(10).append_column("fee", pa.array([0.75] * 10)))
    turned = trips(5, 1, FEBRUARY).select(trips(0).schema.names[::-1])
    run(lake, target, turned, key="2024-02")
    assert held(target, FEBRUARY, "trips") == bag(turned.append_column("fee", pa.nulls(5, pa.float64())))


def test_objects_are_those_that_count_now_also_of_a_month_cut_by_day(lake: ParquetTarget) -> None:
    by_day = lake.model_copy(update={"partition_by_day": "pickup_datetime"})
    for generation in (1, 2):
        by_day.replace(
            "by_day", JANUARY, trips(60, generation, days=3).to_reader(), {"version": str(generation)}
        )
    offered = by_day.objects("by_day", JANUARY)
    assert offered is not None
    named = {f"{lake.url}/{key}" for key in by_day.layout("by_day").snapshots()[JANUARY].keys}
    assert set(offered.uris) == named
    assert offered.rows == 60
    assert lake.objects("nowhere", JANUARY) is None


ONE = pa.schema([("fare", pa.float64())])


@pytest.mark.parametrize(
    ("name", "schema", "partition", "taken"),
    [
        ("trip_month=2024-01-01/a.parquet", ONE, JANUARY, True),
        ("a.parquet", ONE, None, True),
        ("trip_month=2024-01-01/a.parquet", ONE, FEBRUARY, False),
        ("a.parquet", ONE, JANUARY, False),
        ("trip_month=2024-01-01/day=1/a.parquet", ONE, JANUARY, False),
        ("trip_month=2024-01-01/*.parquet", ONE, JANUARY, False),
        ("a.parquet", pa.schema([("at", pa.timestamp("ns"))]), None, False),
        ("a.parquet", pa.schema([("tags", pa.list_(pa.string()))]), None, False),
    ],
)
def test_only_objects_that_give_the_streams_rows_are_loaded(
    name: str, schema: pa.Schema, partition: date | None, taken: bool
) -> None:
    assert loadable(Objects((f"gs://b/t/{name}",), "gs://b/t", schema, 1), "trip_month", partition) is taken
    assert not loadable(Objects((f"/b/t/{name}",), "/b/t", schema, 1), "trip_month", partition)
