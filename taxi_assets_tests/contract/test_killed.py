"""A loader is killed at any moment, while somebody reads: the month is the old one or the new one.

Each kill is SIGKILL after a random part of the time that an undisturbed load takes, from just after its
start to a little after its end, so that every phase is hit. The seed is in the failure's output.
"""

import os
import time
from random import Random
from threading import Timer

import pytest

from taxi_assets.targets.target import Target
from taxi_assets_tests.contract.loading import loader
from taxi_assets_tests.contract.rows import JANUARY, TABLE, bag, held, put, trips
from taxi_assets_tests.contract.targets import TARGETS, left_over

ROWS = 5000
FEW = 4
MANY = -(-200 // len(TARGETS)) + FEW
"""Kills per target in the slow tier: 200 and more over all of them."""


@pytest.mark.parametrize("kills", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_a_loader_killed_at_any_moment_leaves_the_old_month_or_the_new_one(
    target: Target, kills: int
) -> None:
    seed = int(os.environ.get("CONTRACT_SEED", time.time_ns() % 2**32))
    print(f"CONTRACT_SEED={seed}")  # noqa: T201 - pytest shows it when the test fails
    random = Random(seed)
    put(target, trips(ROWS, 0))
    generation = 0
    usual = _undisturbed_seconds(target)
    for attempt in range(2, kills + 2):
        seen = _killed_after(target, attempt, usual * random.uniform(0, 1.2))
        assert seen <= {(ROWS, generation), (ROWS, attempt)}, "a reader saw neither the old month nor the new"
        generation = _standing(target)[1]
        assert generation in {attempt, *(before for _, before in seen)}
    assert held(target) == bag(trips(ROWS, generation))
    put(target, trips(7, 1))
    assert held(target) == bag(trips(7, 1))
    assert left_over(target, TABLE) == [], "the next load left remains of the killed ones"


def _undisturbed_seconds(target: Target) -> float:
    with loader(target, ROWS, 0, JANUARY) as (_, says):
        assert says.recv() == "go"
        started = time.monotonic()
        assert says.recv() == f"done {ROWS}"
    return time.monotonic() - started


def _killed_after(target: Target, generation: int, seconds: float) -> set[tuple[int, int]]:
    """Kill a loader that long after its start; what a reader saw before, meanwhile and afterwards."""
    with loader(target, ROWS, generation, JANUARY) as (process, says):
        assert says.recv() == "go"
        killer = Timer(seconds, process.kill)
        killer.start()
        seen = set()
        while killer.is_alive():
            seen.add(_standing(target))
        killer.join()
        process.join()
    return seen | {_standing(target)}


def _standing(target: Target) -> tuple[int, int]:
    """Rows and generation of the month as a reader sees it; -1 if it sees more than one, or none."""
    found = target.read(TABLE, [JANUARY], ["generation"]).read_all()
    generations = set(found["generation"].to_pylist())
    return found.num_rows, generations.pop() if len(generations) == 1 else -1
