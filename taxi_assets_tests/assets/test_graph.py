"""One month through the whole graph: what the targets hold is what was cleaned, however often it is run."""

from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from dagster import AssetKey

from taxi_assets_tests.assets.graph import (
    TARGETS,
    Graph,
    evaluations,
    materializations,
    shown,
    statuses,
    trips,
)

STAGES = ("raw", "cleaned", "quarantined", *TARGETS)
COURSE = {"ops": {"clean_green_trips": {"config": {"rule_set": "course"}}}}


@pytest.mark.parametrize(
    ("service", "month"),
    [("yellow", "2010-02"), ("green", "2024-01"), ("fhv", "2019-01"), ("fhvhv", "2025-03")],
)
def test_a_month_goes_through_the_whole_graph(graph: Graph, service: str, month: str) -> None:
    result = graph.run(service, month)
    assert result.success
    assert all(graph.recorded(trips(stage, service)) == [month] for stage in STAGES)
    verdicts = {(e.asset_key.path[0], e.check_name): (e.partition, e.passed) for e in evaluations(result)}
    assert verdicts == {
        ("raw", "published_row_count"): (month, True),
        ("raw", "newest_month_is_held"): (None, True),
        ("raw", "schema_like_before"): (month, True),
        ("cleaned", "conserves_rows_and_money"): (month, True),
        ("cleaned", "like_its_neighbours"): (month, True),
        ("cleaned", "nulls_like_before"): (month, True),
        ("cleaned", "codes_are_known"): (month, True),
        **{(target, "matches_cleaned"): (month, True) for target in TARGETS},
    }
    cleaned = graph.lake_rows("cleaned", service, month)
    assert 2900 < cleaned.total() < 3000
    assert graph.targets(service, month) == dict.fromkeys(TARGETS, cleaned)
    quarantine = pq.ParquetFile(graph.file("quarantined", service, month)).read()
    assert cleaned.total() + len(quarantine) == 3000
    assert all(quarantine["reasons"].to_pylist())


def assert_rejected_rows_are_shown(told: dict[str, Any], rows: int) -> None:
    assert "| pickup_outside_month | 1 | 0.033% | Every file holds a few trips" in told["reasons"]
    assert len(told["reasons"]) < 950, "the UI hides what is longer behind a button"
    counts = {name: value for name, value in told.items() if name.startswith("rejected/")}
    assert counts["rejected/impossible_amount"] == 0
    assert sum(counts.values()) == rows  # a made-up row has one kind of dirt at most
    head, _, *samples = [line.strip("| ").split(" | ") for line in told["samples"].splitlines()]
    assert (head[0], head[1], head[-1]) == ("reason", "pickup_at", "reasons")
    assert all(len(sample) == len(head) for sample in samples)
    assert {sample[0] for sample in samples} == {
        name.removeprefix("rejected/") for name, count in counts.items() if count
    }
    assert len(samples) == sum(min(count, 3) for count in counts.values())
    assert duckdb.connect().execute(told["query"]).fetchall()
    found: dict[str, Any] = {}
    exec(told["query_in_python"], found)
    assert len(found["rows"]) == rows


def test_each_stage_tells_what_it_did(graph: Graph) -> None:
    result = graph.run("green", "2024-01")
    said = {stage: shown(materializations(result, stage)["2024-01"]) for stage in STAGES}
    assert said["raw"]["file"] == "green_tripdata_2024-01.parquet"
    assert said["raw"]["dagster/partition_row_count"] == 3000
    assert len(said["raw"]["sha256"]) == 64
    rows = {stage: said[stage]["dagster/partition_row_count"] for stage in STAGES if stage != "raw"}
    assert rows["cleaned"] + rows["quarantined"] == said["cleaned"]["raw_rows"] == 3000
    assert said["cleaned"]["quarantined_rows"] == rows["quarantined"] > 0
    assert {rows[target] for target in TARGETS} == {rows["cleaned"]}
    assert_rejected_rows_are_shown(said["quarantined"], rows["quarantined"])
    for stage in STAGES:
        assert said[stage]["sha256"] == said["raw"]["sha256"]
        assert said[stage]["status"] == "stored"
        assert "2024" in str(said[stage]["dagster/uri"])


def test_a_month_that_is_run_again_changes_nothing_and_loads_nothing(graph: Graph) -> None:
    assert graph.run("green", "2024-01").success
    before, files = graph.targets("green", "2024-01"), _files(graph)
    # Pickups of other months are kept under the file's month; the copies that go by pickup time doubled them.
    for _ in range(2):
        again = graph.run("green", "2024-01")
        assert again.success
        assert statuses(again, "raw") == {"2024-01": "unchanged"}
        for stage in STAGES[1:]:
            assert statuses(again, stage) == {"2024-01": "already current"}
        assert graph.targets("green", "2024-01") == before
        assert _files(graph) == files


def test_loading_again_regardless_replaces_the_month_by_the_same_rows(graph: Graph) -> None:
    config = {
        "resources": {
            name: {"config": {"pass_over_current": False}}
            for name in ("raw_io", "lake_io", "postgres_io", "warehouse_io")
        },
        "ops": {"clean_green_trips": {"config": {"rule_set": "none"}}},
    }
    for status in ("stored", "replaced", "replaced"):
        result = graph.run("green", "2024-01", config=config)
        assert result.success
        assert {stage: statuses(result, stage)["2024-01"] for stage in STAGES} == dict.fromkeys(
            STAGES, status
        )
        assert graph.counts("green") == {target: {"2024-01": 3000} for target in TARGETS}
        cleaned = graph.lake_rows("cleaned", "green", "2024-01")
        assert graph.targets("green", "2024-01") == dict.fromkeys(TARGETS, cleaned)
        assert any(row[1].year < 2024 for row in cleaned), "strays of other months are among the rows"  # type: ignore[attr-defined]


def test_other_rules_change_every_target_and_the_old_ones_change_them_back(graph: Graph) -> None:
    assert graph.run("green", "2024-01").success
    usual = graph.lake_rows("cleaned", "green", "2024-01")
    assert graph.run("green", "2024-01", config=COURSE).success
    course = graph.lake_rows("cleaned", "green", "2024-01")
    assert course != usual
    assert graph.targets("green", "2024-01") == dict.fromkeys(TARGETS, course)
    back = graph.run("green", "2024-01")
    assert {statuses(back, stage)["2024-01"] for stage in STAGES[1:]} == {"replaced"}
    assert graph.targets("green", "2024-01") == dict.fromkeys(TARGETS, usual)


def test_the_zones_keep_the_text_that_looks_like_a_missing_value(graph: Graph) -> None:
    job = graph.definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=graph.instance, asset_selection=[AssetKey("zones")])
    assert result.success
    (path,) = (graph.home / "lake" / "zones").glob("*.parquet")
    zones = {row["location_id"]: row for row in pq.ParquetFile(path).read().to_pylist()}
    assert sorted(zones) == list(range(1, 266))
    assert zones[264] == {"location_id": 264, "borough": "Unknown", "zone": "N/A", "service_zone": "N/A"}
    assert zones[265]["borough"] == zones[265]["service_zone"] == "N/A"
    assert graph.instance.get_latest_materialization_event(AssetKey("zones")) is not None


def _files(graph: Graph) -> dict[str, int]:
    """When each file of the lake was written."""
    found = (graph.home / "lake").rglob("*.parquet")
    return {str(path): path.stat().st_mtime_ns for path in found}
