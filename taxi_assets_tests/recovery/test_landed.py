"""A raw file that a person had put there comes back from there, and never as the publisher's by silence."""

import os
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from taxi_assets_tests.assets.graph import TARGETS, Graph, publish
from taxi_assets_tests.recovery import damage
from taxi_assets_tests.recovery.conftest import MONTHS
from taxi_assets_tests.recovery.damage import Damage
from taxi_assets_tests.recovery.healing import Healer, found, reconcile

FIRST, SECOND = MONTHS
LANDED: dict[str, Any] = {"ops": {"raw__green_trips": {"config": {"origin": "landing"}}}}


@pytest.fixture
def landing(graph: Graph, tmp_path: Path) -> Path:
    """Two months are loaded: the first as a person put it there, the second as published."""
    folder = publish(tmp_path / "landing", "green", FIRST, rows=250, seed=9)
    for path in folder.iterdir():
        os.utime(path, (1.6e9, 1.6e9))  # long ago, so that nobody is believed to write it still
    graph.variables = {"TAXI_LANDING_URL": str(folder)}
    assert graph.run("green", FIRST, config=LANDED).success
    assert graph.run("green", SECOND).success
    return folder


@pytest.mark.parametrize("destroy", [damage.delete_raw, damage.cut_raw])
def test_a_landed_month_is_fetched_from_where_it_landed_by_a_run_of_its_own(
    graph: Graph, landing: Path, destroy: Damage
) -> None:
    destroy(graph, "green", FIRST)
    destroy(graph, "green", SECOND)
    reconcile(graph)
    published, landed = Healer(graph).heal()
    assert (landed.what[1:], landed.request.run_config) == ((("raw",), (FIRST,)), LANDED)
    assert (published.what[1:], published.request.run_config) == ((("raw",), (SECOND,)), {})
    assert reconcile(graph)[0].clean
    assert pq.read_metadata(graph.raw_file("green", FIRST)).num_rows == 250


def test_all_that_was_made_of_a_landed_month_comes_back_with_it(graph: Graph, landing: Path) -> None:
    before = graph.targets("green", FIRST)
    for destroy in (damage.delete_raw, damage.delete_cleaned, damage.delete_lake):
        destroy(graph, "green", FIRST)
    reconcile(graph)
    (healed,) = Healer(graph).heal()
    assert healed.what[1] == ("raw", "cleaned", "quarantined", "lake")
    assert reconcile(graph)[0].clean
    assert graph.targets("green", FIRST) == before


@pytest.mark.parametrize("unset", [True, False], ids=["the setting is gone", "the file is gone"])
def test_a_landed_month_whose_file_is_gone_is_left_to_people_who_are_told_once(
    graph: Graph, landing: Path, capfd: pytest.CaptureFixture[str], unset: bool
) -> None:
    for path in landing.iterdir():
        path.rename(landing.parent / path.name)
    graph.variables = {} if unset else graph.variables
    damage.delete_raw(graph, "green", FIRST)
    damage.delete_cleaned(graph, "green", FIRST)
    damage.delete_lake(graph, "green", SECOND)
    healer, said = Healer(graph), []
    for _ in range(3):
        comparison, check = reconcile(graph)
        assert ("green", "raw", FIRST, "lost") in found(comparison)
        assert not check.passed
        capfd.readouterr()
        said += [
            ([one.what[1:] for one in healer.heal()], capfd.readouterr().err.count("is still wrong (lost)"))
        ]
    assert said == [([(("lake",), (SECOND,))], 1), ([], 0), ([], 0)]
    assert graph.postgres_counts("green")[FIRST] > 200, "the rest of the month was not touched"

    graph.variables = {"TAXI_LANDING_URL": str(landing)}
    for path in landing.parent.glob("*.parquet"):
        path.rename(landing / path.name)
    reconcile(graph)
    assert [one.what[1] for one in healer.heal()] == [("raw", "cleaned", "quarantined")]
    assert reconcile(graph)[0].clean
    assert graph.targets("green", FIRST) == dict.fromkeys(TARGETS, graph.lake_rows("cleaned", "green", FIRST))
