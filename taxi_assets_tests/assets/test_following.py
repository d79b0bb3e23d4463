"""Targets follow a month that was cleaned alone, and only then: the conditions, evaluated over real runs."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from dagster import AssetCheckKey, AssetSelection, evaluate_automation_conditions

from taxi_assets_tests.assets.graph import TARGETS, Graph, months, publish, trips
from taxi_assets_tests.assets.test_gate import FOUR, ODD

MONTHS = months("2023-01", "2023-02")
OTHER_RULES = {"ops": {"clean_green_trips": {"config": {"max_distance_miles": 20.0}}}}


@dataclass
class Automation:
    """Dagster's evaluation of the green targets, or of other stages, tick after tick."""

    graph: Graph
    stages: tuple[str, ...] = TARGETS
    proofs: dict[str, set[str]] = field(default_factory=dict)
    _cursor: Any = field(default=None)

    def tick(self) -> dict[str, set[str]]:
        """What one look requests: months by target."""
        keys = [trips(stage, "green") for stage in self.stages]
        checks = {key: AssetCheckKey(key, "matches_cleaned") for key in keys if key.path[0] in TARGETS}
        result = evaluate_automation_conditions(
            self.graph.definitions,
            self.graph.instance,
            asset_selection=AssetSelection.assets(*keys) | AssetSelection.checks(*checks.values()),
            cursor=self._cursor,
        )
        self._cursor = result.cursor
        judged = {one.key: _months(one.true_subset) for one in result.results}
        self.proofs = {key.path[0]: judged[check] for key, check in checks.items() if judged.get(check)}
        asked = {key.path[0]: set(filter(None, result.get_requested_partitions(key))) for key in keys}
        return {target: found for target, found in asked.items() if found}


def _months(subset: Any) -> set[str]:
    return set(subset.expensively_compute_partition_keys())


@pytest.fixture
def automation(graph: Graph) -> Automation:
    graph.summed = True
    return Automation(graph)


def test_nothing_is_asked_for_where_nothing_is_cleaned(automation: Automation) -> None:
    assert automation.tick() == {}


def test_a_run_of_the_whole_chain_leaves_nothing_to_follow(graph: Graph, automation: Automation) -> None:
    automation.tick()
    assert graph.run("green", *MONTHS).success
    assert automation.tick() == {}
    assert automation.proofs == {}
    assert automation.tick() == {}


def test_a_month_that_was_cleaned_alone_is_followed_by_every_target_once(
    graph: Graph, automation: Automation
) -> None:
    assert graph.run("green", *MONTHS).success
    automation.tick()
    stages = ["cleaned", "quarantined"]
    assert graph.run("green", MONTHS[0], only=stages, config=OTHER_RULES).success
    assert automation.tick() == {target: {MONTHS[0]} for target in TARGETS}
    assert automation.tick() == {}, "it was asked for already"
    assert graph.run("green", MONTHS[0], only=TARGETS).success
    assert automation.tick() == {}
    cleaned = graph.lake_rows("cleaned", "green", MONTHS[0])
    assert graph.targets("green", MONTHS[0]) == dict.fromkeys(TARGETS, cleaned)


def test_a_target_that_never_had_a_cleaned_month_gets_it(graph: Graph, automation: Automation) -> None:
    automation.tick()
    assert graph.run("green", *MONTHS, only=["raw", "cleaned", "quarantined", "postgres"]).success
    assert automation.tick() == {target: set(MONTHS) for target in ("lake", "warehouse")}
    assert automation.proofs == {}, "there is nothing to prove before it stands"
    assert graph.run("green", *MONTHS, only=["lake", "warehouse"]).success
    assert automation.tick() == {}
    assert automation.proofs == {}, "the run that stored them proved them"


def test_a_month_that_the_gate_holds_back_is_not_followed_and_the_others_are_proved(
    graph: Graph, automation: Automation
) -> None:
    folder = publish(graph.home.parent / "published", "green", *FOUR, rows=1200)
    publish(folder, "green", ODD, rows=200)
    graph.source_url = str(folder)
    automation.tick()
    assert not graph.run("green", FOUR[0], FOUR[-1]).success
    assert automation.tick() == {}
    good = {month for month in FOUR if month != ODD}
    assert automation.proofs == dict.fromkeys(TARGETS, good)
    automation.tick()
    assert automation.proofs == {}, "asked for once"


def test_what_was_proved_is_not_judged_again_after_a_run_that_did_not_store_it(
    graph: Graph, automation: Automation
) -> None:
    folder = publish(graph.home.parent / "published", "green", *FOUR, rows=1200)
    graph.source_url = str(folder)
    automation.tick()
    assert graph.run("green", FOUR[0], FOUR[-1]).success
    automation.tick()
    publish(folder, "green", ODD, rows=200)
    assert not graph.run("green", ODD).success, "it is held back"
    assert automation.tick() == automation.proofs == {}
    assert automation.tick() == automation.proofs == {}


def test_a_summary_follows_its_month_whether_the_gate_holds_it_back_or_not(graph: Graph) -> None:
    graph.variables = {"TAXI_TARGETS": "lake"}
    folder = publish(graph.home.parent / "published", "green", *FOUR, rows=1200)
    graph.source_url = str(publish(folder, "green", ODD, rows=200))
    automation = Automation(graph, ("lake", "monthly_summary"))
    automation.tick()
    assert not graph.run("green", FOUR[0], FOUR[-1], only=["raw", "cleaned", "quarantined", "lake"]).success
    assert automation.tick() == {"monthly_summary": set(FOUR)}
    assert graph.run("green", FOUR[0], FOUR[-1], only=["monthly_summary"]).success
    assert automation.tick() == {}
    graph.run("green", ODD, only=["cleaned", "quarantined"], config=OTHER_RULES)
    assert automation.tick().get("monthly_summary") == {ODD}
