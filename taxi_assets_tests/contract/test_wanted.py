"""A load that is not wanted any more when its rows are ready leaves everything as it is."""

import pytest

from taxi_assets.targets.target import Target
from taxi_assets.targets.wanted import while_wanted
from taxi_assets_tests.contract.rows import TABLE, bag, held, put, trips
from taxi_assets_tests.contract.targets import left_over


class NotWanted(Exception):  # noqa: N818 - a state
    """As a run that was given up is told."""


def refuse() -> None:
    raise NotWanted


def test_rows_that_nobody_wants_any_more_do_not_become_visible(target: Target) -> None:
    put(target, trips(10, 1))
    with while_wanted(refuse), pytest.raises(NotWanted):
        put(target, trips(20, 2))
    assert held(target) == bag(trips(10, 1))
    put(target, trips(30, 3))
    assert held(target) == bag(trips(30, 3))
    assert left_over(target, TABLE) == []
