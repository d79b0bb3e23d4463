"""A summary says what a query over the rows says, and its pictures are where somebody looks for them."""

import json
import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dagster import AssetObservation, DagsterEventType, DagsterInstance, ExecuteInProcessResult, TableSchema

from taxi_assets.assets.content import PROFILE
from taxi_assets.assets.summary.columns import ARROW_SCHEMA, column_schema
from taxi_assets.assets.summary.frame import WrongSummary, arrow_table, typed_frame
from taxi_assets.assets.summary.month import PLOTS
from taxi_assets.resources import build_resources
from taxi_assets.tlc.profile import Profile
from taxi_assets.tlc.services import SERVICES, parse_month
from taxi_assets.tlc.summary import summary_row
from taxi_assets_tests.assets.graph import (
    Graph,
    evaluations,
    failures,
    materializations,
    publish,
    shown,
    statuses,
    trips,
)
from taxi_assets_tests.assets.test_gate import FOUR, ODD

STAGE = "monthly_summary"
JANUARY = date(2023, 1, 1)
FOUR_IMAGES = re.compile(r"(!\[[^\]\n]+\]\(data:image/svg\+xml;base64,[A-Za-z0-9+/=]+\) ?){4}")


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """Green with the lake alone: three months of 1,200 rows, and one of 200 that the gate holds back."""
    home = tmp_path_factory.mktemp("home")
    folder = publish(home / "published", "green", *FOUR, rows=1200)
    publish(folder, "green", ODD, rows=200)
    made = Graph(home, "embedded", str(folder), {"TAXI_TARGETS": "lake"}, summed=True)
    with made.instance:
        yield made


@pytest.fixture(scope="module")
def result(graph: Graph) -> ExecuteInProcessResult:
    return graph.run("green", FOUR[0], FOUR[-1])


def observed(result: ExecuteInProcessResult) -> dict[str | None, AssetObservation]:
    """What a run observed on cleaned months."""
    found = [
        event.asset_observation_data.asset_observation
        for event in result.all_events
        if event.event_type == DagsterEventType.ASSET_OBSERVATION
    ]
    return {one.partition: one for one in found if one.asset_key == trips("cleaned", "green")}


def test_every_month_is_summed_up_also_the_one_that_is_held_back(
    graph: Graph, result: ExecuteInProcessResult
) -> None:
    assert not result.success
    assert {one.partition for one in evaluations(result) if not one.passed} >= {ODD}
    assert graph.recorded(trips("lake", "green")) == [month for month in FOUR if month != ODD]
    assert graph.recorded(trips(STAGE, "green")) == FOUR
    assert statuses(result, STAGE) == dict.fromkeys(FOUR, "stored")


def test_a_summary_says_what_a_query_over_the_cleaned_rows_says(
    graph: Graph, result: ExecuteInProcessResult
) -> None:
    for month in FOUR:
        (row,) = pq.ParquetFile(graph.file(STAGE, "green", month)).read().to_pylist()
        with duckdb.connect() as connection:
            connection.execute(f"SET VARIABLE file = '{graph.file('cleaned', 'green', month)}'")
            found = connection.execute(
                "SELECT count(*), sum(total_amount), sum(tip_amount), sum(trip_distance), "
                "count(DISTINCT pu_location_id) FROM read_parquet(getvariable('file'))"
            ).fetchone()
            busiest = connection.execute(
                "SELECT pickup_at::DATE AS day, count(*) FROM read_parquet(getvariable('file')) "
                "GROUP BY day ORDER BY count(*) DESC, day LIMIT 1"
            ).fetchone()
        names = ("trips", "revenue_usd", "tips_usd", "distance_miles", "zones_served")
        assert [row[name] for name in names] == pytest.approx(found)
        assert (row["busiest_day"], row["busiest_day_trips"]) == busiest
        assert row["month"] == parse_month(month)
        assert row["raw_rows"] == (200 if month == ODD else 1200) == row["trips"] + row["quarantined_rows"]
        days = monthrange(row["month"].year, row["month"].month)[1]
        assert row["trips_per_day"] == row["trips"] / days


def test_the_pictures_are_on_the_summary_and_on_the_cleaned_month(
    graph: Graph, result: ExecuteInProcessResult
) -> None:
    on_cleaned = observed(result)
    assert list(on_cleaned) == FOUR
    for month, materialization in materializations(result, STAGE).items():
        told = shown(materialization)
        assert FOUR_IMAGES.fullmatch(told[PLOTS])
        assert on_cleaned[month].metadata[PLOTS].value == told[PLOTS]
        assert told["trips"] == told["raw_rows"] - told["quarantined_rows"] > 0
        assert told["sha256"]
    earlier = [
        re.search(r"beside it (\d+) of 24", shown(one)[PLOTS])
        for one in materializations(result, STAGE).values()
    ]
    assert [found and found.group(1) for found in earlier] == ["0", "1", "2", "3"]


def test_a_run_that_passes_over_a_month_keeps_showing_its_pictures(
    graph: Graph, result: ExecuteInProcessResult
) -> None:
    before = shown(materializations(result, STAGE)[ODD])
    again = graph.run("green", ODD)
    assert statuses(again, STAGE) == {ODD: "already current"}
    after = shown(materializations(again, STAGE)[ODD])
    assert after[PLOTS] == before[PLOTS]
    assert list(observed(again)) == [ODD]


def test_where_dagster_has_forgotten_a_month_its_pictures_are_drawn_again(
    graph: Graph, result: ExecuteInProcessResult
) -> None:
    with DagsterInstance.ephemeral() as other:
        forgetful = Graph(graph.home, "embedded", graph.source_url, graph.variables, other)
        again = forgetful.run("green", FOUR[0], only=[STAGE])
    assert again.success
    told = shown(materializations(again, STAGE)[FOUR[0]])
    assert told["status"] == "already current"
    assert FOUR_IMAGES.fullmatch(told[PLOTS])


def test_a_month_that_can_not_be_summed_up_says_why_and_costs_no_other_month(
    graph: Graph, result: ExecuteInProcessResult
) -> None:
    lake = build_resources(graph.settings, conceal=False)["lake"]

    def with_other_profile(month: str, profile: str | None) -> None:
        held = lake.held("cleaned/green_trips", parse_month(month))
        facts = {**held.facts, "version": "another", PROFILE: profile}
        rows = lake.read("cleaned/green_trips", [parse_month(month)])
        table = rows.read_all().drop_columns(["trip_month"])
        kept = {name: value for name, value in facts.items() if value is not None}
        lake.replace("cleaned/green_trips", parse_month(month), table.to_reader(), kept)

    known = lake.held("cleaned/green_trips", parse_month(FOUR[1])).facts[PROFILE]
    with_other_profile(FOUR[0], None)
    with_other_profile(FOUR[1], json.dumps({**json.loads(known), "rows": 7}))
    with_other_profile(FOUR[3], lake.held("cleaned/green_trips", parse_month(FOUR[3])).facts[PROFILE])
    alone = graph.run("green", FOUR[0], FOUR[-1], only=[STAGE])
    (said,) = failures(alone)
    assert "cleaned/green_trips 2023-01 was cleaned before profiles were kept: materialize" in said
    assert '2023-02: Violated "raw_rows = trips + quarantined_rows". Found 1,200 and 7 +' in said
    assert statuses(alone, STAGE) == {ODD: "already current", FOUR[3]: "replaced"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"quarantined_share": 1.5}, '"quarantined_share" - Column must have values between 0 and 1'),
        ({"zones_served": 300}, '"zones_served" - Column must have values between 0 and 265'),
        ({"trips": None}, 'for column "trips"'),
        ({"raw_rows": 9}, "Found 9 and 100 + 0"),
    ],
)
def test_a_value_that_no_month_can_have_is_named_with_its_column(wrong: dict[str, Any], said: str) -> None:
    row = summary_row(SERVICES["green"], JANUARY, Profile(rows=100), 100)
    typed_frame(row)
    with pytest.raises(WrongSummary) as raised:
        typed_frame({**row, **wrong})
    assert said in str(raised.value)
    assert str(next(iter(wrong.values()))) in str(raised.value)


def test_what_a_service_does_not_publish_is_missing_and_not_nothing() -> None:
    row = summary_row(SERVICES["fhv"], JANUARY, Profile(), 0)
    missing = {name for name, value in row.items() if value is None}
    assert missing >= {"revenue_usd", "tips_usd", "distance_miles", "zones_served", "busiest_day"}
    table = arrow_table(typed_frame(row))
    assert table.schema.equals(ARROW_SCHEMA, check_metadata=True)
    assert table.to_pylist() == [row]


def test_every_column_is_described_and_says_whether_it_may_be_missing() -> None:
    schema = column_schema()
    assert isinstance(schema, TableSchema)
    assert [column.name for column in schema.columns] == ARROW_SCHEMA.names
    assert all(column.description for column in schema.columns)
    nullable = {column.name for column in schema.columns if column.constraints.nullable}
    assert "revenue_usd" in nullable
    assert "trips" not in nullable
    assert pa.types.is_date(ARROW_SCHEMA.field("month").type)


def test_the_file_is_where_the_other_tables_of_the_lake_are(
    graph: Graph, result: ExecuteInProcessResult
) -> None:
    found = sorted(Path(graph.home / "lake" / STAGE / "green_trips").glob("trip_month=*/*.parquet"))
    assert [path.parent.name for path in found] == [f"trip_month={month}-01" for month in FOUR]


def test_a_month_of_reversals_is_summed_up_as_it_is() -> None:
    """Other rules than the default ones keep them."""
    sums = {"total_amount": -12.5, "tip_amount": 2.0, "trip_distance": -1.0, "seconds": -60.0}
    row = summary_row(SERVICES["green"], JANUARY, Profile(rows=1, sums=sums), 1)
    assert typed_frame(row)["revenue_usd"].tolist() == [-12.5]
