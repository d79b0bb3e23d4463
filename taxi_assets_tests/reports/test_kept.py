"""Reports over real months: kept as files in the lake, made again only when something changed, linked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetSelection, evaluate_automation_conditions

from taxi_assets.assets.reports import MONTHLY, OVERVIEW
from taxi_assets_tests.assets.graph import Graph, shown
from taxi_assets_tests.reports.parsed import Page

SMALL = "synthetic?rows=300&seed=1"
TWO = {"TAXI_TARGETS": "lake,warehouse"}  # no server is needed for them
_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """Green of two months, fhv of the second; the tests go on from there in their order."""
    made = Graph(tmp_path_factory.mktemp("reports") / "home", "embedded", SMALL, TWO, summed=True)
    with made.instance:
        assert made.run("green", "2023-01", "2023-02").success
        assert made.run("fhv", "2023-02").success
        yield made


def make(graph: Graph, first: str = "2023-01", last: str = "2023-02") -> dict[str | None, dict[str, Any]]:
    """Run both jobs; what is told of each page, None for the overview."""
    definitions = graph.definitions
    told: dict[str | None, dict[str, Any]] = {}
    tags = dict(zip(_RANGE, (first, last), strict=True))
    for name, node, given in (("reports", "monthly", tags), ("reports_overview", "overview", {})):
        result = definitions.resolve_job_def(name).execute_in_process(instance=graph.instance, tags=given)
        made = result.asset_materializations_for_node(f"reports__{node}")
        told |= {one.partition: shown(one) for one in made}
    return told


def page(uri: str) -> Page:
    """A kept page, which has no fault."""
    found = Page(Path(uri).read_text(encoding="utf-8"))
    assert found.faults == []
    return found


def test_each_month_gets_its_page_and_all_get_one_that_leads_to_them(graph: Graph) -> None:
    told = make(graph)
    assert {key: one["status"] for key, one in told.items()} == dict.fromkeys(
        ["2023-01", "2023-02", None], "stored"
    )
    month = page(told["2023-02"]["dagster/uri"])
    assert month.row("All services", "Green (boro) taxi")[2] == "adds up in every store"
    assert month.row("All services", "For-hire vehicle")[1:] == ["not published", "adds up in every store"]
    assert month.row("All services", "Yellow taxi")[2] == "not here; usually published by 2023-05-15"
    assert month.row("Green (boro) taxi in numbers", "Trips")[1] != "-"
    assert month.row("From the published file", "warehouse")[1] == "yes: = valid, proved in rows and dollars"
    assert "Nothing needs a look." in month.text
    overview = page(told[None]["dagster/uri"])
    assert overview.row("All months of each service", "Green (boro) taxi")[0] == "2"
    assert overview.row("The newest months", "For-hire vehicle")[0] == "2023-02"
    assert "3 months of" in told[None]["summary"]
    here = Path(told[None]["dagster/uri"]).parent
    leads = [link for link in overview.links if not link.startswith("#")]
    assert len(leads) == 3
    assert all((here / link).is_file() for link in leads)
    back = [link for link in month.links if link.startswith("..")]
    assert len(back) == 2
    assert all((Path(told["2023-02"]["dagster/uri"]).parent / link).is_file() for link in back)
    assert told["2023-01"]["open"] == f"file://{told['2023-01']['dagster/uri']}"


def test_a_second_run_leaves_the_pages_and_a_newer_month_is_asked_for_and_changes_them(graph: Graph) -> None:
    cursor: Any = None

    def asked() -> set[str | None]:
        """Months whose pages one look of the automation asks for."""
        nonlocal cursor
        result = evaluate_automation_conditions(
            graph.definitions, graph.instance, asset_selection=AssetSelection.assets(MONTHLY), cursor=cursor
        )
        cursor = result.cursor
        return set(result.get_requested_partitions(MONTHLY))

    make(graph)  # stands already, unless this test runs alone
    assert graph.run("green", "2023-01").success, "all is current: Dagster records it, nothing changes"
    assert {one["status"] for one in make(graph).values()} == {"unchanged"}
    asked()
    assert asked() == set()
    assert graph.run("fhv", "2023-01").success
    assert asked() == {"2023-01"}
    assert asked() == set(), "it was asked for already"
    again = {key: one["status"] for key, one in make(graph).items()}
    # February compares itself with January.
    assert again == dict.fromkeys(["2023-01", "2023-02", None], "replaced")


def test_a_month_of_which_nothing_is_here_says_so(graph: Graph) -> None:
    told = make(graph, "2011-05", "2011-05")
    assert "No service has trips of this month here." in page(told["2011-05"]["dagster/uri"]).text
    assert told["2011-05"]["summary"] == "No service has trips of this month here."


def test_both_say_what_they_are_whose_they_are_and_where_their_code_is(graph: Graph) -> None:
    for key in (MONTHLY, OVERVIEW):
        node = graph.definitions.resolve_asset_graph().get(key)
        assert node.description
        assert (node.group_name, node.owners, node.kinds) == ("reports", ["team:taxi-data"], {"html"})
        assert node.metadata.get("dagster/code_references")


def test_the_overview_is_asked_for_by_the_clock_alone(graph: Graph) -> None:
    node = graph.definitions.resolve_asset_graph().get(OVERVIEW)
    assert node.automation_condition is not None
    result = evaluate_automation_conditions(
        graph.definitions, graph.instance, asset_selection=AssetSelection.assets(OVERVIEW)
    )
    assert result.total_requested == 0
