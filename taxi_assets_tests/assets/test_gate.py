"""A month unlike its neighbours stops before the targets, is kept for a look, and waits for a person."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from dagster import ExecuteInProcessResult

from taxi_assets.assets.gate import Gate
from taxi_assets.tlc.published import published_rows
from taxi_assets.tlc.services import parse_month
from taxi_assets_tests.assets.graph import (
    TARGETS,
    Graph,
    evaluations,
    failures,
    materializations,
    months,
    publish,
    shown,
    trips,
)

FOUR = months("2023-01", "2023-04")
ODD = FOUR[2]
CHECK = "like_its_neighbours"


def accepting(*keys: str) -> dict[str, Any]:
    return {"resources": {"gate": {"config": {"accept": list(keys)}}}}


@pytest.fixture
def source(graph: Graph, tmp_path: Path) -> Path:
    """Three months of 1,200 rows, and one of 200 among them."""
    folder = publish(tmp_path / "published", "green", *FOUR, rows=1200)
    publish(folder, "green", ODD, rows=200)
    graph.source_url = str(folder)
    return folder


def judged(result: ExecuteInProcessResult) -> dict[str | None, bool]:
    return {one.partition: one.passed for one in evaluations(result) if one.check_name == CHECK}


def negate_every_fourth_fare(path: Path) -> None:
    """A quarter of the rows is rejected."""
    table = pq.read_table(path)
    index = table.schema.get_field_index("fare_amount")
    fares = table.column(index)
    lost = pa.array([number % 4 == 0 for number in range(len(table))])
    negative = pc.if_else(lost, pc.negate(pc.abs(fares)), fares)
    pq.write_table(table.set_column(index, table.schema.field(index), negative), path)


def standing(graph: Graph) -> dict[str, list[str]]:
    return {target: sorted(counts) for target, counts in graph.counts("green").items()}


def test_in_a_run_of_one_month_an_odd_one_stops_before_the_targets_and_stays_in_the_lake(
    graph: Graph, source: Path
) -> None:
    assert graph.run("green", FOUR[0], FOUR[1]).success
    result = graph.run("green", ODD)
    assert not result.success
    assert judged(result) == {ODD: False}
    (said,) = [one for one in evaluations(result) if one.check_name == CHECK]
    assert "200 rows, 6.0 times fewer than 2023-01 with 1,200" in str(said.description)
    assert ODD in str(said.metadata["to_let_it_through"].value)
    assert all(materializations(result, target) == {} for target in TARGETS)
    assert standing(graph) == dict.fromkeys(TARGETS, FOUR[:2])
    for stage in ("cleaned", "quarantined"):
        assert graph.file(stage, "green", ODD).exists()
    assert graph.raw_file("green", ODD).exists()


def test_in_a_run_of_many_months_the_odd_one_alone_is_held_back(graph: Graph, source: Path) -> None:
    result = graph.run("green", FOUR[0], FOUR[-1])
    assert not result.success
    good = [month for month in FOUR if month != ODD]
    assert standing(graph) == dict.fromkeys(TARGETS, good)
    for target in TARGETS:
        assert graph.recorded(trips(target, "green")) == good
    verdicts: dict[str | None, bool] = {**dict.fromkeys(good, True), ODD: False, None: False}
    assert judged(result) == verdicts
    said = failures(result)
    assert len(said) == len(TARGETS)
    assert all("holds back 2023-03: 200 rows" in one for one in said)


def test_a_person_lets_a_month_through_by_the_runs_config_and_is_remembered(
    graph: Graph, source: Path
) -> None:
    assert not graph.run("green", FOUR[0], FOUR[-1]).success
    accepted = graph.run("green", ODD, config=accepting(ODD))
    assert accepted.success
    (said,) = [one for one in evaluations(accepted) if one.check_name == CHECK]
    assert said.passed
    assert "let through by this run's config" in str(said.description)
    assert standing(graph) == dict.fromkeys(TARGETS, FOUR)

    graph.forget_in_postgres("green", ODD)
    assert graph.run("green", ODD, only=["postgres"]).success, "the same version needs no second word"
    assert standing(graph) == dict.fromkeys(TARGETS, FOUR)


def test_another_version_of_a_month_that_was_let_through_is_judged_anew(graph: Graph, source: Path) -> None:
    assert graph.run("green", FOUR[0], FOUR[-1], config=accepting(ODD)).success
    publish(source, "green", ODD, rows=150, seed=2)
    again = graph.run("green", ODD)
    assert not again.success
    assert graph.postgres_counts("green")[ODD] > 150, "the month that was let through stands"


def test_a_target_that_is_run_by_itself_is_no_way_round(graph: Graph, source: Path) -> None:
    assert not graph.run("green", FOUR[0], FOUR[-1]).success
    alone = graph.run("green", ODD, only=["postgres"])
    assert "holds back 2023-03" in failures(alone)[0]
    assert graph.run("green", ODD, only=["postgres"], config=accepting(ODD)).success
    assert ODD in graph.postgres_counts("green")


def test_a_month_of_which_far_more_rows_are_rejected_is_held_back_too(graph: Graph, source: Path) -> None:
    assert graph.run("green", FOUR[0], FOUR[1]).success
    negate_every_fourth_fare(source / f"green_tripdata_{FOUR[3]}.parquet")
    result = graph.run("green", FOUR[3])
    assert judged(result) == {FOUR[3]: False}
    (said,) = [one for one in evaluations(result) if one.check_name == CHECK]
    assert "of the rows are rejected" in str(said.description)
    assert shown(materializations(result, "cleaned")[FOUR[3]])["quarantined_rows"] > 250


def test_a_month_as_large_as_it_was_counted_is_judged_by_what_is_rejected_alone(
    graph: Graph, source: Path
) -> None:
    known = published_rows("green", parse_month(FOUR[3]))
    assert known is not None
    publish(source, "green", FOUR[3], rows=known.rows)
    assert graph.run("green", FOUR[0], FOUR[1]).success
    assert graph.run("green", FOUR[3]).success, "50 times its neighbours, as is known"
    negate_every_fourth_fare(source / f"green_tripdata_{FOUR[3]}.parquet")
    result = graph.run("green", FOUR[3])
    assert judged(result) == {FOUR[3]: False}
    (said,) = [one for one in evaluations(result) if one.check_name == CHECK]
    assert str(said.description).count("of the rows are rejected") == 1
    assert "times more" not in str(said.description)


def test_how_odd_a_month_may_be_is_config(graph: Graph, source: Path) -> None:
    assert graph.run("green", FOUR[0], FOUR[1]).success
    lenient = {"resources": {"gate": {"config": {"max_rows_factor": 10.0}}}}
    assert graph.run("green", ODD, config=lenient).success


def test_rules_that_a_person_chose_are_not_held_against_a_month(graph: Graph, source: Path) -> None:
    course = {"ops": {"clean_green_trips": {"config": {"rule_set": "course"}}}}
    result = graph.run("green", FOUR[0], FOUR[1], config=course)
    assert result.success
    assert shown(materializations(result, "cleaned")[FOUR[0]])["quarantined_share"] > 0.01


def test_two_months_that_are_cut_alike_do_not_let_each_other_through(graph: Graph, tmp_path: Path) -> None:
    half_year = months("2023-01", "2023-06")
    graph.source_url = str(publish(tmp_path / "published", "green", *half_year, rows=1200))
    assert graph.run("green", half_year[0], half_year[-1]).success
    before = graph.counts("green")
    publish(tmp_path / "published", "green", *half_year[2:4], rows=200, seed=2)
    assert not graph.run("green", half_year[0], half_year[-1]).success
    assert graph.counts("green") == before, "the months stand as they were"


def test_the_month_behind_two_that_are_held_back_is_not_measured_by_them(
    graph: Graph, tmp_path: Path
) -> None:
    half_year = months("2023-01", "2023-06")
    folder = publish(tmp_path / "published", "green", *half_year, rows=1200)
    graph.source_url = str(publish(folder, "green", *half_year[3:5], rows=200))
    assert graph.run("green", half_year[0], half_year[2]).success
    for odd in half_year[3:5]:
        assert not graph.run("green", odd).success
    assert graph.run("green", half_year[5]).success
    assert sorted(graph.postgres_counts("green")) == [*half_year[:3], half_year[5]]


def test_what_is_no_month_can_not_be_let_through() -> None:
    with pytest.raises(ValueError, match="'2023-5': it must be a month like 2024-01"):
        Gate(max_rows_factor=3, max_quarantine_share=0.05, accept=["2023-5"])
