"""Whatever is destroyed, and however much at once: compared and mended, everything stands as before."""

import os
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from taxi_assets_tests.assets.graph import TARGETS, Graph, months, publish
from taxi_assets_tests.recovery import damage
from taxi_assets_tests.recovery.damage import Damage
from taxi_assets_tests.recovery.healing import Healed, Healer, reconcile

MONTHS = months("2023-01", "2023-03")
BY_STAGE: dict[str, list[Damage]] = {
    "raw": [damage.delete_raw, damage.cut_raw],
    "cleaned": [damage.delete_cleaned, damage.lose_rows("cleaned")],
    "quarantined": [damage.delete_quarantined, damage.lose_rows("quarantined")],
    "postgres": [damage.drop_postgres_partition, damage.delete_postgres_rows],
    "lake": [damage.delete_lake, damage.lose_rows("lake")],
    "warehouse": [
        damage.delete_warehouse_month,
        damage.delete_warehouse_rows,
        damage.double_warehouse_rows,
    ],
}
WHOLE_TABLES = {"postgres": damage.drop_postgres_table, "warehouse": damage.drop_warehouse_table}
ROUNDS = [pytest.param(3, 1, id="fast"), pytest.param(60, 2, id="long", marks=pytest.mark.slow)]


@pytest.mark.parametrize(("rounds", "seed"), ROUNDS)
def test_random_losses_are_mended_without_touching_what_is_intact(
    graph: Graph, rounds: int, seed: int
) -> None:
    chance = random.Random(seed)
    assert graph.run("green", MONTHS[0], MONTHS[-1]).success
    truth = {month: graph.lake_rows("cleaned", "green", month) for month in MONTHS}
    rejected = {month: quarantine(graph, month) for month in MONTHS}
    healer = Healer(graph)
    for number in range(rounds):
        broken = destroy(graph, chance)
        healed = mended(graph, healer)
        note = f"seed {seed}, round {number}: {sorted(broken)}"
        assert touched(healed) <= with_siblings(broken), note
        for month in MONTHS:
            assert graph.targets("green", month) == dict.fromkeys(TARGETS, truth[month]), note
            assert graph.lake_rows("cleaned", "green", month) == truth[month], note
            assert quarantine(graph, month) == rejected[month], note
            assert graph.raw_file("green", month).exists(), note


@pytest.mark.slow
def test_a_landed_month_and_one_that_is_held_back_are_mended_among_the_others(
    graph: Graph, tmp_path: Path
) -> None:
    landed, odd = MONTHS[1], "2023-04"
    graph.source_url = str(publish(tmp_path / "published", "green", *MONTHS, rows=1200))
    publish(tmp_path / "published", "green", odd, rows=200)
    landing = publish(tmp_path / "landing", "green", landed, rows=1000, seed=9)
    for path in landing.iterdir():
        os.utime(path, (1.6e9, 1.6e9))  # long ago, so that nobody is believed to write it still
    graph.variables = {"TAXI_LANDING_URL": str(landing)}
    taken = {"ops": {"raw__green_trips": {"config": {"origin": "landing"}}}}
    assert graph.run("green", landed, config=taken).success
    for month in (MONTHS[0], MONTHS[2]):
        assert graph.run("green", month).success
    assert not graph.run("green", odd).success
    every = (*MONTHS, odd)
    truth = {month: graph.lake_rows("cleaned", "green", month) for month in every}

    chance, healer = random.Random(3), Healer(graph)
    for number in range(2):
        broken = destroy(graph, chance)
        damage.delete_raw(graph, "green", landed if ("raw", landed) not in broken else odd)
        chance.choice(BY_STAGE["cleaned"])(graph, "green", odd)
        for _ in range(3):
            comparison, check = reconcile(graph)
            healer.heal()
        note = f"round {number}: {sorted(broken)}"
        assert (comparison.clean, check.passed) == (True, True), note
        assert [one.month for one in comparison.waiting] == [odd], note
        for month in every:
            assert graph.lake_rows("cleaned", "green", month) == truth[month], note
        for month in MONTHS:
            assert graph.targets("green", month) == dict.fromkeys(TARGETS, truth[month]), note
        assert all(odd not in counts for counts in graph.counts("green").values()), note
        assert pq.read_metadata(graph.raw_file("green", landed)).num_rows == 1000, note


def quarantine(graph: Graph, month: str) -> list[str]:
    """The rejected rows, in an order of their own."""
    return sorted(map(str, pq.ParquetFile(graph.file("quarantined", "green", month)).read().to_pylist()))


def destroy(graph: Graph, chance: random.Random) -> set[tuple[str, str]]:
    """Destroy something; returns stage and month of all that was."""
    broken: set[tuple[str, str]] = set()
    for stage, drop in WHOLE_TABLES.items():
        if chance.random() < 0.2:
            drop(graph, "green", MONTHS[0])
            broken |= {(stage, month) for month in MONTHS}
    for stage, kinds in BY_STAGE.items():
        for month in MONTHS:
            if (stage, month) not in broken and chance.random() < 0.25:
                chance.choice(kinds)(graph, "green", month)
                broken.add((stage, month))
    return broken


def mended(graph: Graph, healer: Healer) -> list[Healed]:
    """Compare and mend until nothing differs, three times at most; returns the runs that it took."""
    done: list[Healed] = []
    for _ in range(3):
        comparison, check = reconcile(graph)
        done += healer.heal()
        if comparison.clean:
            assert check.passed
            return done
    raise AssertionError(f"still differs: {reconcile(graph)[1].description}")


def touched(healed: list[Healed]) -> set[tuple[str, str]]:
    """Stage and month of all that the runs materialized."""
    assert all(one.result.success for one in healed)
    return {one for run in healed for one in run.materialized}


def with_siblings(broken: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """And what comes out of one pass with it."""
    pair = ("cleaned", "quarantined")
    return broken | {(one, month) for stage, month in broken if stage in pair for one in pair}
