"""What a run tells of every asset is what the pages say: names of metadata, checks and their severity."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetKey,
    AssetMaterialization,
    DagsterInstance,
    TableColumnLineage,
    TableSchema,
    serialize_value,
)

from taxi_assets.assets.figures import FIGURES
from taxi_assets.assets.marts import mart_key
from taxi_assets.assets.rejected import REJECTED
from taxi_assets.code_location import build_definitions
from taxi_assets.marts.table import MARTS
from taxi_assets.settings import Settings
from taxi_assets.tlc.schema import columns, published_columns
from taxi_assets.tlc.services import parse_month
from taxi_assets_tests.assets.graph import TARGETS, Graph, evaluations, materializations, shown, trips
from taxi_assets_tests.servers.postgres import PostgresServer

DOCS = Path(__file__).parents[2] / "docs"
MONTHS = ["2023-01", "2023-02"]
STAGES = ("raw", "cleaned", "quarantined", *TARGETS, "monthly_summary")
SMALL, WITH_PICTURES = 20_000, 60_000
"""Bytes of a materialization; a run of many months records each twice."""

ELSEWHERE = {"last_modified", "rows_replaced", "plots"} | {
    f"{name}_before" for name in ("rows", "etag", "last_modified", "sha256", "bytes")
}
"""On the page, and not of a first run of made-up months; plots are observed of a month, not told by it."""


@dataclass(frozen=True)
class Told:
    """What one run over two months of two eras told."""

    months: dict[str, dict[str, AssetMaterialization]]
    zones: AssetMaterialization
    marts: dict[str, AssetMaterialization]
    checks: list[AssetCheckEvaluation]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> Iterator[Told]:
    url = postgres_server.create_database()
    graph = Graph(tmp_path_factory.mktemp("told"), url, "synthetic?rows=500&seed=1", summed=True)
    with DagsterInstance.ephemeral() as graph.instance:
        run = graph.run("green", *MONTHS)
        assert run.success
        zones = graph.definitions.resolve_job_def("reference").execute_in_process(instance=graph.instance)
        (of_zones,) = zones.asset_materializations_for_node("zones")
        marts = graph.definitions.resolve_job_def("marts").execute_in_process(
            instance=graph.instance, partition_key=MONTHS[0]
        )
        of_marts = {mart.name: latest(graph.instance, mart_key(mart)) for mart in MARTS}
        proofs = [*evaluations(run), *evaluations(zones), *evaluations(marts)]
        yield Told({s: materializations(run, s) for s in STAGES}, of_zones, of_marts, proofs)
    postgres_server.drop_database(url)


def latest(instance: DagsterInstance, key: AssetKey) -> AssetMaterialization:
    (record,) = instance.fetch_materializations(key, limit=1).records
    assert record.asset_materialization
    return record.asset_materialization


def table(page: str, heading: str) -> list[list[str]]:
    """The rows of the table whose first heading is the one given."""
    lines = iter((DOCS / page).read_text(encoding="utf-8").splitlines())
    next(line for line in lines if line.startswith(f"| {heading} |"))
    next(lines)
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def documented() -> dict[str, set[str]]:
    """Stage to the names that the page says are on it."""
    found: dict[str, set[str]] = {stage: set() for stage in (*STAGES, "zones", "marts", "audit_trail")}
    for names, assets, _ in table("what-the-ui-shows.md", "name"):
        for asset in assets.split(", "):
            for stage in TARGETS if asset == "targets" else [asset]:
                found[stage] |= set(re.findall(r"`([^`]+)`", names))
    return found


def test_every_name_that_a_run_tells_is_on_the_page_and_the_other_way_round(told: Told) -> None:
    page = documented()
    for stage, made in {**told.months, "marts": told.marts, "zones": {"": told.zones}}.items():
        names = {_of_any_reason(name) for one in made.values() for name in one.metadata}
        assert names - page[stage] == set(), stage
        assert page[stage] - names - ELSEWHERE == set(), stage


def _of_any_reason(name: str) -> str:
    return f"{REJECTED}<reason>" if name.startswith(REJECTED) else name


def test_what_is_told_of_a_month_stays_small(told: Told) -> None:
    sizes = {
        (stage, month): len(serialize_value(one))
        for stage, made in told.months.items()
        for month, one in made.items()
    }
    for (stage, _), size in sizes.items():
        assert size < (WITH_PICTURES if stage == "monthly_summary" else SMALL), sizes


def test_every_column_is_traced_to_the_name_that_the_tlc_gave_it_that_month(told: Told) -> None:
    for month in MONTHS:
        published = published_columns("green", parse_month(month))
        file = shown(told.months["raw"][month])["dagster/column_schema"]
        assert isinstance(file, TableSchema)
        names = [column.name for column in file.columns]
        assert all(column.description for column in file.columns)
        for stage in ("cleaned", "quarantined"):
            lineage = shown(told.months[stage][month])["dagster/column_lineage"]
            assert isinstance(lineage, TableColumnLineage)
            sources = {name: deps[0] for name, deps in lineage.deps_by_column.items()}
            assert sorted(sources) == sorted(column.name for column in published)
            assert {dep.asset_key for dep in sources.values()} == {trips("raw", "green")}
            assert sorted(dep.column_name for dep in sources.values()) == sorted(names)
        for stage in TARGETS:
            lineage = shown(told.months[stage][month])["dagster/column_lineage"]
            deps = {name: (dep.asset_key, dep.column_name) for name, (dep,) in lineage.deps_by_column.items()}
            assert deps == {c.name: (trips("cleaned", "green"), c.name) for c in columns("green")}


def test_a_preview_shows_the_first_rows_a_line_a_column(told: Told) -> None:
    lines = shown(told.months["postgres"][MONTHS[0]])["preview"].splitlines()
    assert lines[0] == "| column | row 1 | row 2 | row 3 | row 4 | row 5 |"
    assert [line.split()[1] for line in lines[2:]] == [column.name for column in columns("green")]


def test_figures_are_numbers_that_the_ui_can_draw(told: Told) -> None:
    figures = shown(told.months["cleaned"][MONTHS[0]])
    assert figures["revenue_per_trip_usd"] == pytest.approx(
        figures["revenue_usd"] / figures["dagster/partition_row_count"], abs=0.001
    )
    assert 1 < figures["minutes_per_trip"] < 60
    assert figures["strays"] >= 0


def test_a_number_is_called_the_same_on_the_cleaned_month_and_on_its_summary(told: Told) -> None:
    cleaned, summary = (shown(told.months[stage][MONTHS[0]]) for stage in ("cleaned", "monthly_summary"))
    for name in ("raw_rows", "quarantined_rows", "quarantined_share", *FIGURES):
        assert summary[name] == pytest.approx(cleaned[name], abs=0.0001), name


def test_how_a_mart_is_read_and_how_it_is_made_are_two_things(told: Told) -> None:
    for name, made in told.marts.items():
        assert f'FROM "main"."{name}"' in shown(made)["query"]
        assert "green_trips" in shown(made)["made_by"]


def test_every_check_is_on_the_page_with_its_severity_and_whether_it_stops(told: Told) -> None:
    page = {
        (asset, name.strip("`")): (severity, stops)
        for assets, name, severity, stops, *_ in table("checks.md", "asset")
        for asset in assets.split(", ")
    }
    definitions = build_definitions(Settings.from_environment({"TAXI_HOME": "/nowhere"}))
    graph = definitions.resolve_asset_graph()
    defined = {
        (key.asset_key.path[0], key.name): "yes" if graph.get(key).blocking else "no"
        for key in graph.asset_check_keys
    }
    assert {key: stops for key, (_, stops) in page.items()} == defined
    found = {(one.asset_key.path[0], one.check_name): one.severity.value for one in told.checks}
    nightly = {"reconciliation", "health"}
    assert found == {key: severity for key, (severity, _) in page.items() if key[0] not in nightly}


def test_every_check_passes_with_numbers_and_words(told: Told) -> None:
    assert all(one.passed and one.description for one in told.checks)
    (drift,) = [
        one for one in told.checks if (one.check_name, one.partition) == ("schema_like_before", MONTHS[1])
    ]
    assert drift.metadata["compared_with"].value == MONTHS[0]
    assert "VendorID int64 | VendorID int32 | yes" in str(drift.metadata["diff"].value)
    assert AssetKey(["raw", "green_trips"]) == drift.asset_key


def test_the_sum_of_a_run_tells_which_months_have_something_to_tell(told: Told) -> None:
    summed = {one.check_name: one for one in told.checks if one.partition is None}
    assert summed["conserves_rows_and_money"].description == "2 months, failed: none"
    assert summed["schema_like_before"].description == "2 months, failed: none; something to tell of: 2023-02"
    verdicts = str(summed["schema_like_before"].metadata["verdicts"].value)
    assert "| 2023-02 | passed | changes since 2023-01: 9, all in the schema table |" in verdicts
    assert MONTHS[0] + " |" not in verdicts
