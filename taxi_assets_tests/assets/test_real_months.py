"""The graph on months that the TLC published, held against figures that others worked out."""

import json
from pathlib import Path

import psycopg

from taxi_assets_tests.assets.graph import TARGETS, Graph, evaluations, materializations, months, shown

COURSE = {"ops": {"clean_green_trips": {"config": {"rule_set": "course"}}}}
RUNS = {
    "2020-04": "2020-04",
    "2020-08": "2020-08",
    "2021-01": "2021-01",
    "2022-01": "2022-01",
    "2023-01": "2023-02",
    "2024-01": "2024-01",
    "2024-12": "2025-01",
    "2025-06": "2025-06",
}
"""The ten months, in runs from the one to the other."""


def test_the_ten_green_months_are_conserved_to_the_row_and_the_cent(graph: Graph, real_data: Path) -> None:
    figures = json.loads((real_data / "facts" / "check_figures_green.json").read_text(encoding="utf-8"))
    wanted = {one["month"]: one for one in figures}
    graph.source_url = str(real_data / "parquet")
    cleaned: dict[str, int] = {}
    for first, last in RUNS.items():
        result = graph.run("green", first, last)
        assert result.success
        assert all(one.passed for one in evaluations(result)), "every check, the published counts included"
        for month, told in materializations(result, "cleaned").items():
            assert shown(told)["raw_rows"] == wanted[month]["n"]
            cleaned[month] = shown(told)["dagster/partition_row_count"]
    assert sorted(cleaned) == sorted(wanted)
    assert graph.counts("green") == dict.fromkeys(TARGETS, cleaned)


def test_the_course_finds_its_answers_in_every_target(graph: Graph, real_data: Path) -> None:
    wanted = months("2020-10", "2020-12")
    graph.source_url = str(real_data / "csv")
    result = graph.run("green", wanted[0], wanted[-1], config=COURSE)
    assert result.success
    told = materializations(result, "cleaned").values()
    assert sum(shown(one)["raw_rows"] for one in told) == 266_855
    assert {name: sum(rows.values()) for name, rows in graph.counts("green").items()} == dict.fromkeys(
        TARGETS, 139_370
    )
    with psycopg.connect(graph.postgres_url) as connection:
        days = connection.execute("SELECT count(DISTINCT pickup_at::date) FROM taxi.green_trips").fetchone()
        vendors = connection.execute("SELECT DISTINCT vendor_id FROM taxi.green_trips ORDER BY 1").fetchall()
    assert days == (95,)
    assert vendors == [(1,), (2,)]
