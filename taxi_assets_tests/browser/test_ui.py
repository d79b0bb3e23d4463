"""What a person does and sees in the UI, by clicks: graphs, a month, a bad month, a backfill, plots."""

import re
from typing import Any

import pytest

from taxi_assets.tlc.services import SERVICES
from taxi_assets_tests.browser.chromium import Ui, button, field
from taxi_assets_tests.daemon.published import PublishedMonths
from taxi_assets_tests.servers.dagster_dev import DagsterDev

pytestmark = pytest.mark.slow

FIRST, SECOND, THIRD, ODD = "2023-01", "2023-02", "2023-03", "2023-04"
LAUNCHED = 400  # seconds for a run: its process takes 10 to start when the machine is idle
PAGES = {"report", "html"}
"""Kinds of assets that are no tables but pages to read."""
PLOTS = 4  # trips a day, the months before, why rows were rejected, the map
BANNERS = "//*[contains(@class, 'Alert_warning') or contains(@class, 'Alert_error')]"
TROUBLES = ("Unexpected", "GraphQL error", "Failed to load", "Not running", "Python error")

_ASSETS = """{ assetNodes {
  assetKey { path } groupName description kinds
  owners { __typename ... on TeamAssetOwner { team } }
  metadataEntries { label ... on TableSchemaMetadataEntry { schema { columns { name type description } } } }
} }"""


@pytest.fixture(scope="module", autouse=True)
def published(tlc: PublishedMonths) -> None:
    tlc.publish("green", FIRST, SECOND, THIRD, rows=2000)
    tlc.publish("green", ODD, rows=300)


@pytest.fixture(scope="module")
def assets(system: DagsterDev) -> dict[str, Any]:
    """What the UI is told of every asset."""
    nodes = system.ask(_ASSETS)["assetNodes"]
    return {"/".join(node["assetKey"]["path"]): node for node in nodes}


def group(name: str) -> str:
    return f"/locations/taxi_assets/asset-groups/{name}"


def launch(ui: Ui, months: str, words: str) -> None:
    """On a group's page: Materialize all, choose months, launch."""
    ui.open(group("green"))
    ui.click(button("Materialize all"))
    ui.type(field("ex: "), months)
    ui.click(button(words))
    ui.wait(lambda: not ui.visible(field("ex: ")))


def assert_at_ease(ui: Ui) -> None:
    """No banner, no word of trouble, nothing severe in the browser's console."""
    shown = ui.text()
    assert [word for word in TROUBLES if word in shown] == []
    assert [banner.text for banner in ui.visible(BANNERS)] == []
    assert ui.complaints() == []


def test_every_graph_loads_with_all_its_assets_and_without_a_complaint(
    ui: Ui, assets: dict[str, Any]
) -> None:
    groups = {node["groupName"] for node in assets.values()}
    assert groups >= {*SERVICES, "reference", "operations"}
    ui.open("/asset-groups")
    ui.see("Global asset lineage", *groups)
    assert_at_ease(ui)
    for name in sorted(groups):
        ui.open(group(name))
        names = [key.rsplit("/")[-1] for key, node in assets.items() if node["groupName"] == name]
        for asset in set(names):
            drawn = f"//*[text()='{asset}']"
            ui.wait(lambda: len(ui.visible(drawn)) >= names.count(asset))  # noqa: B023 - waited for here
        assert_at_ease(ui)


def test_the_code_location_is_loaded_and_every_daemon_runs(ui: Ui) -> None:
    ui.open("/locations")
    ui.see("1 code location", "Loaded")
    assert_at_ease(ui)
    ui.open("/deployment/daemons")
    ui.see("Daemon statuses", "Freshness Daemon")
    ui.wait(lambda: "Not running" not in ui.text())
    assert ui.complaints() == []


def test_every_asset_says_what_it_is_whose_it_is_and_which_columns_it_has(
    assets: dict[str, Any],
) -> None:
    assert [key for key, node in assets.items() if not node["description"]] == []
    assert [key for key, node in assets.items() if not node["kinds"]] == []
    assert {str(node["owners"]) for node in assets.values()} == {
        "[{'__typename': 'TeamAssetOwner', 'team': 'taxi-data'}]"
    }
    for key, node in assets.items():
        if PAGES & set(node["kinds"]):
            continue
        schemas = [entry["schema"]["columns"] for entry in node["metadataEntries"] if "schema" in entry]
        assert len(schemas) == 1, key
        assert schemas[0], key
        assert [column["name"] for column in schemas[0] if not column["description"]] == [], key


def test_the_page_of_an_asset_shows_what_it_is_and_its_columns(ui: Ui) -> None:
    ui.open("/assets/cleaned/green_trips?view=overview")
    ui.see("Green (boro) taxi trips in the canonical schema", "taxi-data", "pickup_at", "New York wall clock")
    assert_at_ease(ui)
    ui.open("/assets/raw/green_trips?view=overview")
    ui.see("lpep_pickup_datetime", "PULocationID")


def test_a_month_is_launched_by_clicks_and_its_page_shows_what_came_of_it(ui: Ui) -> None:
    launch(ui, FIRST, "Launch 1 run")
    ui.open("/runs")
    ui.see("Success", within=LAUNCHED)
    # Not the events: the newest is the observation that brings the plots.
    ui.open(f"/assets/cleaned/green_trips?view=partitions&partition={FIRST}")
    shown = ui.see("Materialized", "partition_row_count", "raw_rows", "sha256")
    assert re.search(r"raw_rows\s+2,?000", shown)
    ui.open(f"/assets/postgres/green_trips?view=partitions&partition={FIRST}")
    ui.see("Materialized", "partition_row_count", f"green_tripdata_{FIRST}.parquet")
    assert_at_ease(ui)


def test_a_backfill_of_two_months_is_launched_by_clicks_and_completes(ui: Ui, system: DagsterDev) -> None:
    launch(ui, f"[{SECOND}...{THIRD}]", "Launch backfill")
    ui.open("/runs?view=backfills")
    ui.see("2 partitions", "Success", within=LAUNCHED)
    ui.open(f"/assets/warehouse/green_trips?view=partitions&partition={THIRD}")
    ui.see("Materialized", "partition_row_count")
    assert_at_ease(ui)


def test_a_month_unlike_its_neighbours_is_shown_as_a_failed_check_and_is_not_stored(ui: Ui) -> None:
    launch(ui, ODD, "Launch 1 run")
    ui.open("/runs")
    ui.see("Failure", within=LAUNCHED)
    ui.open("/assets/cleaned/green_trips?view=checks&checkDetail=like_its_neighbours")
    ui.see("300 rows, 6.7 times fewer", "Failed")
    ui.open(f"/assets/postgres/green_trips?view=partitions&partition={ODD}")
    ui.see("Missing")


@pytest.mark.parametrize("view", ["partitions", "events"])
@pytest.mark.parametrize("asset", ["monthly_summary/green_trips", "cleaned/green_trips"])
def test_a_months_page_shows_plots(ui: Ui, asset: str, view: str) -> None:
    ui.open(f"/assets/{asset}?view={view}&partition={FIRST}")
    ui.see(FIRST, "Metadata")
    ui.unfold("plots")
    sizes = ui.wait(ui.plots)
    assert len(sizes) == PLOTS
    assert all(width and height for width, height in sizes)
