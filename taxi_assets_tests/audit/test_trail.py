"""Each replaced month leaves an entry whose numbers are those that the stores tell when they are asked."""

import getpass
import hashlib
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pyarrow.parquet as pq
from dagster import AssetKey

from taxi_assets.assets import content as cleaned_code
from taxi_assets.assets import raw as raw_code
from taxi_assets.code_location import build_definitions
from taxi_assets.settings import Settings
from taxi_assets_tests.assets.graph import SYNTHETIC, TARGETS, Graph, materializations, months, publish, shown
from taxi_assets_tests.audit.entries import assert_no_gap, by_target, entries
from taxi_assets_tests.servers.cdn import serve_cdn

STAGES = ("raw", "cleaned", "quarantined", *TARGETS)
MONTH = "2024-01"
REGARDLESS = {
    "resources": {
        name: {"config": {"pass_over_current": False}}
        for name in ("raw_io", "lake_io", "postgres_io", "warehouse_io")
    }
}


def test_a_month_leaves_an_entry_for_each_target_and_its_numbers_are_those_of_the_stores(
    graph: Graph,
) -> None:
    result = graph.run("green", MONTH)
    assert result.success
    found = by_target(graph)
    assert set(found) == set(STAGES)

    raw = pq.read_metadata(graph.raw_file("green", MONTH)).num_rows
    quarantined = pq.ParquetFile(graph.file("quarantined", "green", MONTH)).read()
    reasons = Counter(reason for row in quarantined["reasons"].to_pylist() for reason in row)
    cleaned = pq.read_metadata(graph.file("cleaned", "green", MONTH)).num_rows
    standing = {
        "raw": raw,
        "cleaned": cleaned,
        "quarantined": len(quarantined),
        **{target: graph.counts("green")[target][MONTH] for target in TARGETS},
    }
    assert {target: row["rows_standing"] for target, row in found.items()} == standing
    for target, row in found.items():
        assert row["rows_raw"] == raw
        assert (row["service"], f"{row['trip_month']:%Y-%m-%d}") == ("green", "2024-01-01")
        assert row["run_id"] == result.run_id
        assert row["rows_replaced"] is None
        assert row["started"] < row["finished"] < row["recorded"]
        assert row["launched_by"].startswith(f"{getpass.getuser()}@")
        assert row["role"] == "postgres"
        assert row["code_version"] == (
            raw_code.CODE_VERSION if target == "raw" else cleaned_code.CODE_VERSION
        )
        if target != "raw":
            assert (row["rows_cleaned"], row["rows_quarantined"]) == (cleaned, len(quarantined))
            assert row["quarantined_by_reason"] == dict(reasons)
    assert len({row["version"] for target, row in found.items() if target != "raw"}) == 1


def test_an_entry_names_the_published_file_and_its_version_and_a_new_one_what_it_replaced(
    graph: Graph, tmp_path: Path
) -> None:
    first, second = (
        publish(tmp_path / name, "green", MONTH, rows=rows) / f"green_tripdata_{MONTH}.parquet"
        for name, rows in (("first", 700), ("second", 900))
    )
    path, moment = f"trip-data/{first.name}", datetime(2024, 3, 20, 14, 5, 33, tzinfo=UTC)
    with serve_cdn() as cdn:
        graph.source_url = cdn.trip_data
        etag = cdn.publish(path, first.read_bytes(), moment)
        assert graph.run("green", MONTH).success
        earlier = by_target(graph)
        for row in earlier.values():
            assert row["source_url"] == f"{cdn.trip_data}/{first.name}"
            assert (row["etag"], row["last_modified"]) == (etag, moment)
            assert row["sha256"] == hashlib.sha256(first.read_bytes()).hexdigest()
        cdn.publish(path, second.read_bytes())
        result = graph.run("green", MONTH)
    assert result.success
    later = {row["target"]: row for row in entries(graph.postgres_url)[len(STAGES) :]}
    assert set(later) == set(STAGES)
    for target, row in later.items():
        assert row["rows_replaced"] == earlier[target]["rows_standing"]
        assert row["sha256"] == hashlib.sha256(second.read_bytes()).hexdigest()
        assert row["run_id"] == result.run_id
    assert later["raw"]["rows_standing"] == later["postgres"]["rows_raw"] == 900
    assert_no_gap(graph.postgres_url)


def test_a_run_that_passes_over_what_is_current_enters_nothing(graph: Graph) -> None:
    assert graph.run("green", MONTH).success
    before = entries(graph.postgres_url)
    assert graph.run("green", MONTH).success
    assert entries(graph.postgres_url) == before


def test_loading_again_regardless_is_entered_each_time(graph: Graph) -> None:
    for times in (1, 2, 3):
        assert graph.run("green", MONTH, config=REGARDLESS).success
        assert Counter(row["target"] for row in entries(graph.postgres_url)) == dict.fromkeys(STAGES, times)
    assert_no_gap(graph.postgres_url)


def test_each_month_of_a_run_has_entries_of_its_own(graph: Graph) -> None:
    some = months("2023-01", "2023-03")
    assert graph.run("fhvhv", some[0], some[-1]).success
    stored = graph.counts("fhvhv")
    rows = entries(graph.postgres_url)
    assert len(rows) == len(STAGES) * len(some)
    for target in TARGETS:
        told = {f"{row['trip_month']:%Y-%m}": row["rows_standing"] for row in rows if row["target"] == target}
        assert told == stored[target]
    assert {row["service"] for row in rows} == {"fhvhv"}
    assert len({row["sha256"] for row in rows}) == len(some)


def test_what_is_no_month_of_a_service_is_not_entered(graph: Graph) -> None:
    job = graph.definitions.resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(instance=graph.instance, asset_selection=[AssetKey("zones")]).success
    with psycopg.connect(graph.postgres_url) as connection:
        assert connection.execute("SELECT to_regclass('taxi_audit.loads')").fetchone() == (None,)


def test_the_launcher_of_a_run_is_told_by_its_tags(graph: Graph) -> None:
    job = graph.definitions.resolve_job_def("green_trips")
    tags = {"dagster/sensor_name": "new_months", "dagster/backfill": "abcdefgh"}
    done = job.execute_in_process(instance=graph.instance, partition_key=MONTH, tags=tags)
    assert done.success
    said = {row["launched_by"] for row in entries(graph.postgres_url)}
    assert said == {"backfill abcdefgh, sensor new_months"}


def test_the_ui_shows_the_reasons_once_and_the_targets_remember_them(graph: Graph) -> None:
    result = graph.run("green", MONTH)
    for stage in STAGES:
        told = shown(materializations(result, stage)[MONTH])
        assert not {"run_id", "load_id", "started_at"} & told.keys()
        assert ("reasons" in told) == (stage == "quarantined")
        assert '{"' not in str(told.get("reasons"))


def test_without_the_postgres_target_nothing_is_entered_until_it_is_there(graph: Graph) -> None:
    environment = {
        "TAXI_HOME": str(graph.home),
        "TAXI_POSTGRES_URL": "postgresql://nobody@127.0.0.1:1/nowhere",
        "TAXI_SOURCE_URL": SYNTHETIC,
        "TAXI_TARGETS": "lake,warehouse",
    }
    definitions = build_definitions(Settings.from_environment(environment))
    job = definitions.resolve_job_def("green_trips")
    first = job.execute_in_process(instance=graph.instance, partition_key=MONTH)
    assert first.success
    assert AssetKey("audit_trail") not in definitions.resolve_asset_graph().get_all_asset_keys()

    second = graph.run("green", MONTH)
    assert second.success
    found = by_target(graph)
    assert {row["run_id"] for target, row in found.items() if target != "postgres"} == {first.run_id}
    assert found["postgres"]["run_id"] == second.run_id
    assert [target for target, row in found.items() if row["finished"]] == ["postgres"]
