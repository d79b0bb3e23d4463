"""Marts follow the warehouse by themselves: the conditions, evaluated over materializations as they come."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    AssetKey,
    AssetMaterialization,
    AssetSelection,
    DagsterInstance,
    Definitions,
    evaluate_automation_conditions,
)

from taxi_assets.assets.marts import mart_key
from taxi_assets.automation.following import following_sensor
from taxi_assets.marts.table import MARTS, TRIPS_DAILY, ZONE_REVENUE_MONTHLY
from taxi_assets_tests.assets.graph import Graph, trips
from taxi_assets_tests.marts.conftest import graph_in

ZONES = AssetKey(["warehouse", "zones"])


@dataclass
class Automation:
    """Dagster's evaluation of the marts, look after look."""

    definitions: Definitions
    instance: DagsterInstance
    _cursor: Any = field(default=None)

    def look(self) -> dict[str, set[str]]:
        """What one look requests: months by mart."""
        keys = [mart_key(mart) for mart in MARTS]
        result = evaluate_automation_conditions(
            self.definitions,
            self.instance,
            asset_selection=AssetSelection.assets(*keys),
            cursor=self._cursor,
        )
        self._cursor = result.cursor
        asked = {key.path[-1]: set(filter(None, result.get_requested_partitions(key))) for key in keys}
        return {name: months for name, months in asked.items() if months}

    def comes(self, key: AssetKey, *months: str | None) -> None:
        """Something was stored."""
        for month in months or (None,):
            self.instance.report_runless_asset_event(AssetMaterialization(key, partition=month))

    def made(self, *months: str) -> None:
        for mart in MARTS:
            self.comes(mart_key(mart), *months)


def both(*months: str) -> dict[str, set[str]]:
    return {mart.name: set(months) for mart in MARTS}


@pytest.fixture(scope="module")
def graph() -> Graph:
    return graph_in(Path("/nowhere"))


@pytest.fixture(scope="module")
def definitions(graph: Graph) -> Definitions:
    return graph.definitions


@pytest.fixture
def automation(definitions: Definitions) -> Iterator[Automation]:
    with DagsterInstance.ephemeral() as instance:
        yield Automation(definitions, instance)


def test_every_newer_month_is_made_and_a_service_that_lacks_it_is_not_waited_for(
    automation: Automation,
) -> None:
    assert automation.look() == {}
    automation.comes(trips("warehouse", "green"), "2023-01", "2015-06")
    automation.comes(trips("warehouse", "yellow"), "2009-01")
    assert automation.look() == both("2009-01", "2015-06", "2023-01")
    automation.made("2009-01", "2015-06", "2023-01")
    assert automation.look() == {}
    automation.comes(trips("warehouse", "fhvhv"), "2023-01")
    assert automation.look() == both("2023-01")
    automation.made("2023-01")
    assert automation.look() == {}
    assert automation.look() == {}


def test_a_month_that_lands_while_the_mart_is_made_of_anothers_is_not_forgotten(
    automation: Automation,
) -> None:
    automation.comes(trips("warehouse", "green"), "2023-01")
    automation.look()
    automation.made("2023-01")
    automation.look()
    automation.comes(trips("warehouse", "green"), "2023-01")
    assert automation.look() == both("2023-01")
    # Between two looks: the request became a run, which read green alone and ended after fhv had come.
    automation.comes(trips("warehouse", "fhv"), "2023-01")
    automation.made("2023-01")
    assert automation.look() == both("2023-01")
    automation.made("2023-01")
    assert automation.look() == {}


def test_months_that_stood_before_anybody_looked_are_made_once(automation: Automation) -> None:
    automation.comes(trips("warehouse", "green"), "2023-01", "2023-02")
    assert automation.look() == both("2023-01", "2023-02")
    assert automation.look() == {}, "it was asked for already: a run that is canceled stays so"
    automation.made("2023-01", "2023-02")
    assert automation.look() == {}


def test_other_zones_change_the_months_that_are_there_and_make_no_new_ones(automation: Automation) -> None:
    automation.comes(ZONES)
    assert automation.look() == {}
    automation.comes(trips("warehouse", "green"), "2023-01")
    assert automation.look() == both("2023-01")
    automation.made("2023-01")
    assert automation.look() == {}
    automation.comes(ZONES)
    assert automation.look() == {ZONE_REVENUE_MONTHLY.name: {"2023-01"}}


def test_the_sensor_looks_at_marts_and_at_copies_of_the_zones(graph: Graph, definitions: Definitions) -> None:
    selection = following_sensor(graph.settings).asset_selection
    chosen = selection.resolve(definitions.resolve_asset_graph())
    assert {mart_key(TRIPS_DAILY), mart_key(ZONE_REVENUE_MONTHLY), ZONES} <= chosen
