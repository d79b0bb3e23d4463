"""A target that is switched off has no assets and no checks, and the rest goes on without it."""

import pytest

from taxi_assets.assets import stored
from taxi_assets.setting_values import TARGET_NAMES
from taxi_assets_tests.assets.graph import TARGETS, Graph, materializations

MONTH = "2023-01"


def test_every_target_that_can_be_named_is_there_in_the_order_of_the_graph() -> None:
    assert tuple(target.name for target in stored.TARGETS) == TARGET_NAMES


@pytest.mark.parametrize("off", TARGETS)
def test_what_is_switched_off_is_hidden_and_the_other_targets_are_loaded(graph: Graph, off: str) -> None:
    on = [target for target in TARGETS if target != off]
    graph.variables = {"TAXI_TARGETS": ",".join(on)}
    known = graph.definitions.resolve_asset_graph()
    assert off not in {key.path[0] for key in known.get_all_asset_keys()}
    assert off not in {key.asset_key.path[0] for key in known.asset_check_keys}
    result = graph.run("green", MONTH)
    assert result.success
    assert materializations(result, off) == {}
    counted = {name: counts.get(MONTH) for name, counts in graph.counts("green").items()}
    assert counted[off] is None
    rows = graph.lake_rows("cleaned", "green", MONTH).total()
    assert {counted[target] for target in on} == {rows}


def test_a_target_that_is_switched_on_again_is_filled_from_the_cleaned_months(graph: Graph) -> None:
    graph.variables = {"TAXI_TARGETS": "lake"}
    assert graph.run("green", MONTH).success
    graph.variables = {}
    assert graph.run("green", MONTH, only=["postgres", "warehouse"]).success
    assert len({counts[MONTH] for counts in graph.counts("green").values()}) == 1
