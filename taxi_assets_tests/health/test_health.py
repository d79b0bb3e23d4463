"""The page over a real graph in which months are lost, failed, held back, stale and never loaded."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from dagster import AssetKey, DagsterInstance
from rich.console import Console

from taxi_assets.health.asset import HEALTH, JOB, health_schedule, unchanged
from taxi_assets.health.command import show_health
from taxi_assets.recovery.reconciliation import RECONCILIATION
from taxi_assets_tests.assets.graph import Graph, months, publish
from taxi_assets_tests.recovery import damage
from taxi_assets_tests.servers.postgres import PostgresServer

LOADED = [*months("2023-01", "2023-04"), "2023-06"]
OTHER_LIMITS = {"ops": {"clean_green_trips": {"config": {"max_duration_hours": 11.5}}}}


@dataclass
class Page:
    """A materialization of the page."""

    text: str
    urgent: int
    passed: bool

    def line(self, *parts: str) -> str:
        """The one line that has all the parts."""
        (found,) = [line for line in self.text.splitlines() if all(part in line for part in parts)]
        return found


def look(graph: Graph, job: str = JOB) -> Page:
    """Run the job, and read the page that it left."""
    done = graph.definitions.resolve_job_def(job).execute_in_process(
        instance=graph.instance, raise_on_error=False
    )
    (verdict,) = [one for one in done.get_asset_check_evaluations() if one.asset_key == HEALTH]
    (record,) = graph.instance.fetch_materializations(HEALTH, limit=1).records
    assert record.asset_materialization
    told = {name: one.value for name, one in record.asset_materialization.metadata.items()}
    return Page(str(told["page"]), int(str(told["urgent"])), verdict.passed)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> Iterator[Graph]:
    """Green with a gap, an odd month and a month whose file is broken; nothing of the other services."""
    home, url = tmp_path_factory.mktemp("health"), postgres_server.create_database()
    source = publish(home / "published", "green", *LOADED, rows=300)
    publish(source, "green", "2023-07", rows=3000)
    (source / "green_tripdata_2023-08.parquet").write_bytes(b"PAR1 no footer PAR1")
    with DagsterInstance.local_temp(str(home)) as instance:
        made = Graph(home / "home", url, str(source), {"DAGSTER_HOME": str(home)}, instance, summed=True)
        assert made.run("green", LOADED[0], LOADED[3]).success
        assert made.run("green", LOADED[4]).success
        yield made
    postgres_server.drop_database(url)


@pytest.fixture(scope="module")
def well(graph: Graph) -> Page:
    """The page before anything went wrong."""
    return look(graph, "reconcile")


@pytest.fixture(scope="module")
def troubled(graph: Graph, well: Page) -> Page:
    """The page after a night in which everything went wrong."""
    for month in ("2023-07", "2023-08"):
        assert not graph.run("green", month).success
    cleaned = graph.run("green", "2023-02", only=("cleaned", "quarantined"), config=OTHER_LIMITS)
    assert cleaned.success
    damage.drop_postgres_partition(graph, "green", "2023-01")
    return look(graph, "reconcile")


def test_where_only_history_has_a_gap_nothing_is_urgent(well: Page) -> None:
    assert (well.passed, well.urgent) == (True, 0)
    gap = well.line("**to look at** [raw/green_trips]")
    assert "2023-05: missing between months that are held" in gap
    assert well.line("- green: 5 months, 2023-01 to 2023-04, 2023-06; ")
    assert well.line("- stores compared at ", "all as believed")
    assert well.line("- yellow: no month is held")
    assert len([line for line in well.text.splitlines() if line.startswith("- stored ")]) == 3


def test_the_page_comes_after_the_comparison_of_the_same_run(graph: Graph, well: Page) -> None:
    node = graph.definitions.resolve_asset_graph().get(HEALTH)
    assert node.parent_keys == {RECONCILIATION}
    assert node.group_name == "operations"


def test_every_trouble_has_its_line(troubled: Page) -> None:
    assert (troubled.passed, troubled.urgent) == (False, 3)
    assert troubled.text.startswith("**3 urgent, 4 to look at, ")
    assert troubled.line("**urgent** [postgres/green_trips]", "2023-01: lost in the store")
    failed = troubled.line("**urgent** [raw/green_trips]", "2023-08: failed")
    assert "expected a Parquet file" in failed
    held_back = troubled.line("**urgent** [cleaned/green_trips]", "2023-07: waiting for a person")
    assert "10.0 times more" in held_back
    assert "`taxi-assets load green 2023-07 --accept`" in held_back
    assert troubled.line("**to know** [cleaned/green_trips]", "2023-02: cleaned by other rules")
    assert len(troubled.text.splitlines()) <= 20


def test_the_targets_behind_a_month_that_was_cleaned_alone_are_stale(troubled: Page) -> None:
    lines = [line for line in troubled.text.splitlines() if "2023-02: stale" in line]
    # Another limit gave the same rows a new version: three targets are behind it.
    assert {re.findall(r"\[(\w+)/green_trips\]", line)[0] for line in lines} == {
        "postgres",
        "lake",
        "warehouse",
    }


def test_the_command_prints_the_same_page_and_its_status_says_whether_to_worry(
    graph: Graph, troubled: Page
) -> None:
    printed = io.StringIO()
    assert show_health(graph.settings, Console(file=printed, width=2000)) == 1
    shown = printed.getvalue()
    assert "urgent raw/green_trips 2023-08: failed" in " ".join(shown.split())
    assert "](" not in shown


def test_the_page_comes_when_postgres_is_away_and_says_so(
    graph: Graph, troubled: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = replace(graph, postgres_url="postgresql://ana:s3cr3tly@127.0.0.1:1/taxi")
    monkeypatch.setenv("TAXI_POSTGRES_URL", away.postgres_url)  # read there: it holds a password
    page = look(away)
    assert page.line("**urgent** [audit_trail]", "Postgres does not answer")
    assert "s3cr3tly" not in page.text


def test_the_page_comes_when_postgres_is_switched_off(graph: Graph, troubled: Page) -> None:
    off = replace(graph, variables={**graph.variables, "TAXI_TARGETS": "lake,warehouse"})
    page = look(off)
    assert page.line("- no audit trail, as Postgres is switched off")
    assert "postgres/green_trips" not in page.text


def test_the_schedule_looks_again_only_after_something_ran(graph: Graph, troubled: Page) -> None:
    look(graph)
    assert unchanged(graph.instance) == "nothing ran since the page was made"
    assert graph.run("green", "2023-06", only=("raw",)).success
    assert unchanged(graph.instance) == ""
    assert health_schedule().default_status.value == "RUNNING"
    assert AssetKey("health") == HEALTH
