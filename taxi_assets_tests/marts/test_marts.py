"""The marts' assets over a real graph: made, proved, passed over, made again; absent without a warehouse."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from math import fsum
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dagster import AssetKey, AssetMaterialization, ExecuteInProcessResult, TableColumnLineage, TableSchema

from taxi_assets.assets.marts import mart_key
from taxi_assets.checks.zones import zone_checks
from taxi_assets.marts.table import MARTS
from taxi_assets.tlc.services import parse_month
from taxi_assets_tests.assets.graph import Graph, evaluations, failures, shown, trips
from taxi_assets_tests.marts.conftest import graph_in, questions
from taxi_assets_tests.servers.postgres import PostgresServer

JANUARY, FEBRUARY = "2023-01", "2023-02"


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> Iterator[Graph]:
    """Two months of green; each test here takes one of them."""
    made = graph_in(tmp_path_factory.mktemp("marts") / "home", postgres_server.create_database())
    with made.instance:
        assert made.run("green", JANUARY, FEBRUARY).success
        yield made


def make(graph: Graph, first: str, last: str | None = None) -> ExecuteInProcessResult:
    """Run the job of the marts."""
    names = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
    return graph.definitions.resolve_job_def("marts").execute_in_process(
        instance=graph.instance,
        partition_key=None if last else first,
        tags=dict(zip(names, (first, last), strict=True)) if last else None,
        raise_on_error=False,
    )


def stored(result: ExecuteInProcessResult) -> dict[tuple[str, str], AssetMaterialization]:
    """The run's materializations by mart and month."""
    found = [
        event.step_materialization_data.materialization for event in result.get_asset_materialization_events()
    ]
    return {(one.asset_key.path[-1], str(one.partition)): one for one in found}


def statuses(result: ExecuteInProcessResult) -> dict[tuple[str, str], Any]:
    return {key: shown(one)["status"] for key, one in stored(result).items()}


def ask(graph: Graph, sql: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(duckdb.connect(graph.warehouse)) as connection:
        return connection.execute(sql, values).fetchall()


def test_months_are_made_proved_passed_over_and_made_again_when_a_service_comes(graph: Graph) -> None:
    first = make(graph, "2022-12", JANUARY)
    assert first.success, failures(first)
    assert statuses(first) == {
        (mart.name, month): "stored" for mart in MARTS for month in ("2022-12", JANUARY)
    }
    assert shown(stored(first)["trips_daily", "2022-12"])["services"] == "none"
    proofs = {one.partition: one.passed for one in evaluations(first)}
    assert proofs == {"2022-12": True, JANUARY: True, None: True}

    of_trips = "SELECT CAST(pickup_at AS DATE), count(*), round(sum(total_amount), 6) FROM green_trips"
    of_mart = "SELECT day, trips, round(revenue_usd, 6) FROM trips_daily"
    for sql in (f"{of_trips} WHERE trip_month = ? GROUP BY 1", f"{of_mart} WHERE trip_month = ?"):
        assert ask(graph, f"{sql} ORDER BY 1", parse_month(JANUARY)) == sorted(_by_day(graph))
    assert statuses(make(graph, JANUARY)) == _january("already current")

    assert graph.run("fhv", JANUARY).success
    again = make(graph, JANUARY)
    assert statuses(again) == _january("replaced")
    of_month = "FROM trips_daily WHERE trip_month = ? GROUP BY service"
    by_service = f"SELECT service, sum(trips), sum(revenue_usd) IS NULL {of_month}"
    assert set(ask(graph, by_service, parse_month(JANUARY))) == {
        ("green", graph.warehouse_counts("green")[JANUARY], False),
        ("fhv", graph.warehouse_counts("fhv")[JANUARY], True),
    }
    told = stored(again)["trips_daily", JANUARY]
    assert "SELECT" in shown(told)["made_by"]
    lineage = told.metadata["dagster/column_lineage"].value
    assert isinstance(lineage, TableColumnLineage)
    (source,) = lineage.deps_by_column["revenue_usd"]
    assert (source.asset_key, source.column_name) == (trips("warehouse", "green"), "total_amount")


def _january(status: str) -> dict[tuple[str, str], str]:
    return {(mart.name, JANUARY): status for mart in MARTS}


def _by_day(graph: Graph) -> list[tuple[Any, ...]]:
    """Day, trips and dollars by the lake's file, added up in Python."""
    file = pq.ParquetFile(graph.file("cleaned", "green", JANUARY))
    days: dict[date, list[float]] = defaultdict(list)
    for row in file.read(["pickup_at", "total_amount"]).to_pylist():
        days[row["pickup_at"].date()].append(row["total_amount"])
    return [(day, len(amounts), round(fsum(amounts), 6)) for day, amounts in days.items()]


def test_zones_are_joined_once_they_are_there_and_a_mart_that_differs_is_told(graph: Graph) -> None:
    assert make(graph, FEBRUARY).success
    assert ask(graph, "SELECT count(*) FROM zone_revenue_monthly WHERE zone IS NOT NULL") == [(0,)]
    reference = graph.definitions.resolve_job_def("reference").execute_in_process(instance=graph.instance)
    assert {one.check_name for one in evaluations(reference) if one.passed} == {
        "ids_are_complete",
        "unknown_is_text",
    }
    ask(
        graph,
        "UPDATE trips_daily SET trips = trips + 1, revenue_usd = revenue_usd - 0.01 WHERE day = '2023-02-07'",
    )
    second = make(graph, FEBRUARY)
    assert statuses(second) == {
        ("trips_daily", FEBRUARY): "already current",
        ("zone_revenue_monthly", FEBRUARY): "replaced",
    }
    found = ask(
        graph,
        "SELECT m.zone = z.zone AND m.borough = z.borough AND m.trips = (SELECT count(*) FROM green_trips t"
        " WHERE t.pu_location_id = m.location_id AND t.trip_month = m.trip_month)"
        " FROM zone_revenue_monthly m JOIN zones z USING (location_id) WHERE trip_month = ?",
        parse_month(FEBRUARY),
    )
    assert len(found) > 100
    assert set(found) == {(True,)}
    with psycopg.connect(graph.postgres_url) as connection:
        (question,) = questions("-- Postgres")
        answer = connection.execute(question.encode()).fetchall()
    assert len(answer) == 3
    assert all(zone for _, zone, _ in answer)
    (check,) = evaluations(second)
    assert not check.passed
    rows = graph.warehouse_counts("green")[FEBRUARY]
    assert check.description is not None
    assert f"green: {rows + 1:,} trips, the warehouse has {rows:,}" in check.description
    assert "revenue, the warehouse has" in check.description


def test_every_mart_and_copy_of_the_zones_says_what_it_is_and_whose(graph: Graph) -> None:
    known = graph.definitions.resolve_asset_graph()
    for key in (*map(mart_key, MARTS), AssetKey(["postgres", "zones"]), AssetKey(["warehouse", "zones"])):
        node = known.get(key)
        assert node.description
        assert node.owners == ["team:taxi-data"]
        assert node.kinds
        assert node.pools == {key.path[0] if key.path[-1] == "zones" else "warehouse"}
        assert node.group_name == ("reference" if key.path[-1] == "zones" else "marts")
        assert node.metadata.get("dagster/code_references")
        columns = node.metadata["dagster/column_schema"]
        assert isinstance(columns, TableSchema)
        assert all(column.description for column in columns.columns)


def test_without_a_warehouse_there_are_no_marts_and_no_copies_in_it(graph: Graph) -> None:
    without = replace(graph, variables={"TAXI_TARGETS": "lake"})
    keys = without.definitions.resolve_asset_graph().get_all_asset_keys()
    assert not [key for key in keys if key.path[0] in {"marts", "warehouse", "postgres"}]


@pytest.mark.parametrize("check", zone_checks(), ids=lambda check: next(iter(check.check_keys)).name)
def test_zones_that_are_not_as_they_should_be_are_told(check: Any) -> None:
    rows = [
        {"location_id": number, "borough": "Queens", "zone": f"Zone {number}", "service_zone": "Boro Zone"}
        for number in range(1, 264)
    ]
    rows += [
        {"location_id": 264, "borough": "Unknown", "zone": "N/A", "service_zone": "N/A"},
        {"location_id": 265, "borough": "N/A", "zone": "Outside of NYC", "service_zone": "N/A"},
    ]
    assert check(pa.Table.from_pylist(rows)).passed
    wrong = [*rows[1:-1], {**rows[5], "zone": None}, {**rows[-1], "borough": None}]
    told = check(pa.Table.from_pylist(wrong))
    assert not told.passed
    assert any(
        part in told.description for part in ("missing: [1]; twice", "missing: [1], twice: ['6']", "265")
    )
