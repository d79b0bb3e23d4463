"""The page tells of marts, summaries and reports that failed: nobody makes them again unless asked to."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import AssetKey, DagsterInstance, InputContext, IOManager, OutputContext

from taxi_assets.health.finding import Finding, Urgency
from taxi_assets.health.findings import findings
from taxi_assets.health.look import look
from taxi_assets_tests.assets.graph import Graph

WAREHOUSE_ONLY = {"TAXI_TARGETS": "warehouse"}
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


class Away(IOManager):
    """A store that is away, and whoever keeps things there."""

    def handle_output(self, context: OutputContext, obj: object) -> None:
        raise ConnectionError("the disk is away")

    def load_input(self, context: InputContext) -> object:
        raise ConnectionError("the disk is away")

    def table_name(self, path: object) -> str:
        raise ConnectionError("the disk is away")

    def partitions(self, table: str) -> object:
        raise ConnectionError("the disk is away")


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[Graph]:
    """Two good months of green."""
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        made = Graph(
            tmp_path / "home", "embedded", "synthetic?rows=300", WAREHOUSE_ONLY, instance, summed=True
        )
        assert made.run("green", "2023-01", "2023-02").success
        yield made


def told(graph: Graph) -> list[Finding]:
    """Findings of what failed."""
    facts = look(graph.instance, graph.settings, graph.definitions.resolve_asset_graph().asset_check_keys)
    return [one for one in findings(facts) if one.says == "failed"]


def make(graph: Graph, job: str, resource: str = "") -> bool:
    """Run a job over both months, with a resource that is away."""
    tags = dict(zip(RANGE, ("2023-01", "2023-02"), strict=True)) if job != "reference" else {}
    job_def = graph.definitions.resolve_job_def(job)
    return job_def.execute_in_process(
        instance=graph.instance,
        tags=tags,
        resources={resource: Away()} if resource else None,
        raise_on_error=False,
    ).success


def test_a_mart_that_failed_is_urgent_until_it_is_made(graph: Graph) -> None:
    assert make(graph, "reference")
    assert told(graph) == []
    assert not make(graph, "marts", "warehouse")
    found = {one.asset: one for one in told(graph)}
    assert found.keys() == {"marts/trips_daily", "marts/zone_revenue_monthly"}
    daily = found["marts/trips_daily"]
    assert (daily.urgency, daily.months) == (Urgency.URGENT, frozenset({"2023-01", "2023-02"}))
    assert "answers no SELECT" in daily.why
    assert make(graph, "marts")
    assert told(graph) == []


@pytest.mark.slow
def test_a_summary_and_a_report_that_failed_are_to_be_looked_at(graph: Graph) -> None:
    summary = AssetKey(["monthly_summary", "green_trips"])
    job = graph.definitions.resolve_job_def("green_trips").get_subset(asset_selection={summary})
    resources = {"lake": Away()}
    tags = dict(zip(RANGE, ("2023-01", "2023-02"), strict=True))
    job.execute_in_process(instance=graph.instance, tags=tags, resources=resources, raise_on_error=False)
    assert not make(graph, "reports", "lake")
    found = told(graph)
    assert {(one.asset, one.urgency) for one in found} == {
        ("monthly_summary/green_trips", Urgency.LOOK),
        ("reports/monthly", Urgency.LOOK),
    }
    assert all("the disk is away" in one.why for one in found)


@pytest.mark.slow
def test_zones_that_failed_are_told_until_they_are_made(graph: Graph) -> None:
    assert not make(graph, "reference", "lake_io")
    assert next((one.asset, one.months) for one in told(graph)) == ("zones", frozenset())
    assert make(graph, "reference")
    assert told(graph) == []
