"""Twelve months in one run: each is stored and told of by itself, and a bad one costs none of the others."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from taxi_assets_tests.assets.graph import (
    TARGETS,
    Graph,
    evaluations,
    failures,
    materializations,
    months,
    publish,
    shown,
    statuses,
    trips,
)

YEAR = months("2023-01", "2023-12")
ROWS = 600
BAD = "2023-11"


def test_every_month_of_a_run_has_its_own_record_and_its_own_numbers(graph: Graph) -> None:
    some = YEAR[:4]
    result = graph.run("green", some[0], some[-1])
    assert result.success
    for stage in ("raw", "cleaned", "quarantined", *TARGETS):
        told = materializations(result, stage)
        assert sorted(told) == some
        for month in some:
            assert month in shown(told[month])["dagster/uri"].replace("_", "-")
        if stage == "raw":
            continue
        counted = {month: shown(told[month])["dagster/partition_row_count"] for month in some}
        stored = "lake" if stage in TARGETS else stage
        assert counted == {m: pq.read_metadata(graph.file(stored, "green", m)).num_rows for m in some}
    assert len({shown(told)["sha256"] for told in materializations(result, "raw").values()}) == 4
    for month in some:
        cleaned = graph.lake_rows("cleaned", "green", month)
        assert graph.targets("green", month) == dict.fromkeys(TARGETS, cleaned)


def test_every_month_of_a_run_is_judged_by_itself(graph: Graph) -> None:
    publish(graph.home.parent / "published", "green", *YEAR[:3], rows=ROWS)
    graph.source_url = str(graph.home.parent / "published")
    result = graph.run("green", YEAR[0], YEAR[2])
    assert result.success, "a count other than published is a warning"
    judged: dict[str, list[tuple[str, bool]]] = {}
    for one in evaluations(result):
        judged.setdefault(one.check_name, []).append((one.partition or "all", one.passed))
    assert sorted(judged["published_row_count"]) == [*((month, False) for month in YEAR[:3]), ("all", False)]
    good = [*((month, True) for month in YEAR[:3]), ("all", True)]
    assert sorted(judged["conserves_rows_and_money"]) == good
    assert sorted(judged["matches_cleaned"]) == sorted(good * 3)


def test_a_month_that_does_not_add_up_stops_the_run_and_is_named(graph: Graph) -> None:
    assert graph.run("green", YEAR[0], YEAR[2]).success
    spoilt = graph.file("quarantined", "green", YEAR[1])
    file = pq.ParquetFile(spoilt).read()
    fares = file.schema.get_field_index("fare_amount")
    dearer = file.set_column(fares, file.schema.field(fares), pc.add(file.column(fares), 1.0))
    pq.write_table(dearer, spoilt)  # as many rows, and the footer's facts: it passes for current
    result = graph.run("green", YEAR[0], YEAR[2])
    assert not result.success
    judged = [one for one in evaluations(result) if one.check_name == "conserves_rows_and_money"]
    assert {one.partition: one.passed for one in judged} == {
        YEAR[0]: True,
        YEAR[1]: False,
        YEAR[2]: True,
        None: False,
    }
    (bad,) = [one for one in judged if one.partition == YEAR[1]]
    assert f"off by {file.num_rows} in fare_amount" in str(bad.description)
    assert materializations(result, "postgres") == {}, "what does not add up goes no further"


def test_a_month_that_can_not_be_fetched_leaves_those_before_it(graph: Graph, tmp_path: Path) -> None:
    source = _published(graph, tmp_path)
    bad = source / f"green_tripdata_{BAD}.parquet"
    good = bad.read_bytes()
    bad.write_bytes(good[:-100])
    (said,) = failures(graph.run("green", YEAR[0], YEAR[-1], only=["raw"]))
    assert str(bad) in said
    assert graph.recorded(trips("raw", "green")) == YEAR[:10]
    bad.write_bytes(good)
    again = graph.run("green", YEAR[0], YEAR[-1], only=["raw"])
    assert again.success
    assert statuses(again, "raw") == dict.fromkeys(YEAR[:10], "unchanged") | dict.fromkeys(
        YEAR[10:], "stored"
    )


def test_a_month_that_can_not_be_cleaned_leaves_those_before_it(graph: Graph, tmp_path: Path) -> None:
    source = _published(graph, tmp_path)
    bad = source / f"green_tripdata_{BAD}.parquet"
    good = bad.read_bytes()
    table = pq.read_table(bad)
    pq.write_table(table.append_column("surprise", pa.array([1] * len(table))), bad)
    (said,) = failures(graph.run("green", YEAR[0], YEAR[-1]))
    assert bad.name in said
    assert "'surprise'" in said
    for stage in ("cleaned", "quarantined"):
        assert graph.recorded(trips(stage, "green")) == YEAR[:10]
        assert [month for month in YEAR if graph.file(stage, "green", month).exists()] == YEAR[:10]

    bad.write_bytes(good)
    again = graph.run("green", YEAR[0], YEAR[-1])
    assert again.success
    for stage in ("cleaned", "quarantined"):
        done = dict.fromkeys(YEAR[:10], "already current") | dict.fromkeys(YEAR[10:], "stored")
        assert statuses(again, stage) == done
    cleaned = {month: pq.read_metadata(graph.file("cleaned", "green", month)).num_rows for month in YEAR}
    assert graph.counts("green") == dict.fromkeys(TARGETS, cleaned)
    assert graph.recorded(trips("warehouse", "green")) == YEAR


def _published(graph: Graph, directory: Path) -> Path:
    source = publish(directory / "published", "green", *YEAR, rows=ROWS)
    graph.source_url = str(source)
    return source
