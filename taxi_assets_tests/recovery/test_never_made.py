"""What was never made, although it could be, is found as well as what was lost, and made."""

from datetime import timedelta

import pytest
from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from taxi_assets.recovery import believed
from taxi_assets_tests.assets.graph import TARGETS, Graph
from taxi_assets_tests.recovery.conftest import MONTHS
from taxi_assets_tests.recovery.healing import Healer, found, reconcile

FIRST, SECOND = MONTHS
BOTH = ("cleaned", "quarantined")


def test_a_target_that_failed_for_good_is_found_and_loaded(graph: Graph) -> None:
    url, graph.postgres_url = graph.postgres_url, "postgresql://127.0.0.1:1/taxi"
    assert not graph.run("green", *MONTHS).success
    graph.postgres_url = url
    comparison, check = reconcile(graph)
    assert found(comparison) == {("green", "postgres", month, "missing") for month in MONTHS}
    assert not check.passed
    assert "postgres/green_trips 2023-01: missing: never made, and cleaned stands" in str(check.description)
    assert [one.what for one in Healer(graph).heal()] == [("green_trips", ("postgres",), MONTHS)]
    assert reconcile(graph)[0].clean
    assert graph.targets("green", SECOND) == dict.fromkeys(
        TARGETS, graph.lake_rows("cleaned", "green", SECOND)
    )


def test_a_month_that_was_fetched_and_never_cleaned_is_carried_on_to_every_target(graph: Graph) -> None:
    assert graph.run("green", FIRST, only=["raw"]).success
    assert found(reconcile(graph)[0]) == {("green", stage, FIRST, "missing") for stage in BOTH}
    healer = Healer(graph)
    assert [one.what[1] for one in healer.heal()] == [BOTH]
    assert found(reconcile(graph)[0]) == {("green", target, FIRST, "missing") for target in TARGETS}
    assert [one.what[1] for one in healer.heal()] == [(target,) for target in TARGETS]
    assert reconcile(graph)[0].clean
    assert graph.targets("green", FIRST) == dict.fromkeys(TARGETS, graph.lake_rows("cleaned", "green", FIRST))


def test_a_target_that_is_switched_on_lately_gets_the_months_from_before(graph: Graph) -> None:
    graph.variables = {"TAXI_TARGETS": "lake"}
    assert graph.run("green", *MONTHS).success
    assert reconcile(graph)[0].clean
    graph.variables = {"TAXI_TARGETS": "lake,warehouse"}
    assert found(reconcile(graph)[0]) == {("green", "warehouse", month, "missing") for month in MONTHS}
    assert [one.what for one in Healer(graph).heal()] == [("green_trips", ("warehouse",), MONTHS)]
    assert reconcile(graph)[0].clean


def test_nothing_is_missing_where_nothing_was_fetched(graph: Graph) -> None:
    comparison, check = reconcile(graph)
    assert comparison.clean
    assert comparison.months == 0
    assert check.passed


def test_a_run_that_was_made_and_never_began_hides_no_month_for_ever(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert graph.run("green", *MONTHS).success
    graph.forget_in_postgres("green", FIRST)
    tags = {"dagster/partition": FIRST}
    create_run_for_test(graph.instance, "green_trips", tags=tags, status=DagsterRunStatus.NOT_STARTED)
    assert reconcile(graph)[0].clean, "it may begin at any moment"
    monkeypatch.setattr(believed, "_STILLBORN_AFTER", timedelta(0))
    assert found(reconcile(graph)[0]) == {("green", "postgres", FIRST, "lost")}
