"""A month that the gate holds back has targets behind it on purpose: it is told of, and left alone."""

from pathlib import Path
from typing import Any

import pytest
from dagster import AssetCheckEvaluation

from taxi_assets_tests.assets.graph import TARGETS, Graph, months, publish
from taxi_assets_tests.recovery import damage
from taxi_assets_tests.recovery.healing import Healer, found, reconcile

THREE = months("2023-01", "2023-03")
ODD = THREE[1]
ACCEPTING: dict[str, Any] = {"resources": {"gate": {"config": {"accept": [ODD]}}}}


@pytest.fixture
def source(graph: Graph, tmp_path: Path) -> Path:
    """Three months of 1,200 rows."""
    folder = publish(tmp_path / "published", "green", *THREE, rows=1200)
    graph.source_url = str(folder)
    return folder


@pytest.fixture
def odd(graph: Graph, source: Path) -> None:
    """All three months are loaded, and one is published anew with 200 rows."""
    assert graph.run("green", THREE[0], THREE[-1]).success
    publish(source, "green", ODD, rows=200)
    assert not graph.run("green", ODD).success


def assert_waits(check: AssetCheckEvaluation) -> None:
    """The check is green, and tells of the month in one line."""
    assert check.passed
    (line,) = [one for one in str(check.description).splitlines() if one.startswith("held back")]
    assert line.startswith(f"held back: green {ODD}: 200 rows, 6.0 times fewer than ")
    assert line.endswith(f"Behind cleaned: {', '.join(TARGETS)}")


def test_targets_that_wait_behind_a_month_published_anew_are_no_difference(graph: Graph, odd: None) -> None:
    comparison, check = reconcile(graph)
    assert found(comparison) == set()
    assert [(one.service, one.month) for one in comparison.waiting] == [("green", ODD)]
    assert_waits(check)
    assert Healer(graph).look() == []
    assert sum(graph.postgres_rows("green", ODD).values()) > 1000, "readers have the month as it was"


def test_targets_that_never_had_the_month_wait_as_well(graph: Graph, source: Path) -> None:
    publish(source, "green", ODD, rows=200)
    assert not graph.run("green", THREE[0], THREE[-1]).success
    assert_waits(reconcile(graph)[1])
    assert Healer(graph).look() == []


def test_what_else_is_wrong_with_such_a_month_is_mended_up_to_the_gate(graph: Graph, odd: None) -> None:
    damage.delete_cleaned(graph, "green", ODD)
    damage.delete_lake(graph, "green", ODD)
    damage.delete_lake(graph, "green", THREE[0])
    healer = Healer(graph)
    assert ("green", "cleaned", ODD, "lost") in found(reconcile(graph)[0])
    healer.heal()
    comparison, check = reconcile(graph)
    assert comparison.clean
    assert_waits(check)
    assert graph.file("lake", "green", THREE[0]).exists()
    assert healer.look() == []


def test_a_month_that_a_person_let_through_is_mended_like_any_other(graph: Graph, odd: None) -> None:
    assert graph.run("green", ODD, config=ACCEPTING).success
    assert not reconcile(graph)[0].waiting
    damage.drop_postgres_partition(graph, "green", ODD)
    assert found(reconcile(graph)[0]) == {("green", "postgres", ODD, "lost")}
    (healed,) = Healer(graph).heal()
    assert healed.result.success
    assert reconcile(graph)[0].clean
