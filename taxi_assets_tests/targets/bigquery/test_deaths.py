"""Loads that die and readers that look on: the month is always one load's, whole, with that load's facts."""

import os
import random
import secrets
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from taxi_assets.targets.bigquery import BigQueryTarget
from taxi_assets.targets.bigquery import replace as replace_module
from taxi_assets.targets.bigquery.connection import connect
from taxi_assets.targets.bigquery.names import parse_url
from taxi_assets.targets.target import Held, TargetError
from taxi_assets_tests.targets.bigquery.conftest import JANUARY
from taxi_assets_tests.targets.bigquery.load_for_ever import ROWS, stream

SCRIPT = Path(__file__).with_name("load_for_ever.py")
ROOT = Path(__file__).parents[3]


def seen(target: BigQueryTarget) -> set[tuple[int, int]]:
    """Each load that a reader finds in the month, and how many rows it has there."""
    client = connect(parse_url(target.url), 10, 10)
    table = client.place.sql("trips")
    return {(row[0], row[1]) for row in client.query(f"SELECT load, COUNT(*) FROM {table} GROUP BY load")}


def is_whole(found: set[tuple[int, int]]) -> bool:
    return len(found) == 1 and all(rows == (ROWS if load % 2 == 0 else ROWS // 2) for load, rows in found)


def test_a_reader_sees_the_old_month_or_the_new_one_and_nothing_else(target: BigQueryTarget) -> None:
    target.replace("trips", JANUARY, stream(0), {"version": "0"})
    stop, sights = threading.Event(), []

    def look() -> None:
        while not stop.is_set():
            sights.append(seen(target))

    reader = threading.Thread(target=look)
    reader.start()
    try:
        for load in range(1, 6):
            target.replace("trips", JANUARY, stream(load), {"version": str(load)})
    finally:
        stop.set()
        reader.join(timeout=30)
    assert len(sights) > 5
    assert [one for one in sights if not is_whole(one)] == []
    assert len({tuple(one) for one in sights}) > 1


@pytest.mark.parametrize("kills", [3, pytest.param(25, marks=pytest.mark.slow)])
def test_a_load_that_is_killed_leaves_a_whole_month_and_true_facts(
    target: BigQueryTarget, kills: int
) -> None:
    seed = int(os.environ.get("TAXI_KILL_SEED") or secrets.randbelow(10**6))
    print(f"TAXI_KILL_SEED={seed}")  # noqa: T201 - pytest shows it with a failure
    chance = random.Random(seed)
    target.replace("trips", JANUARY, stream(0), {"version": "0"})
    for _ in range(kills):
        _load_and_kill(target.url, chance.uniform(0.0, 0.25))
        found = seen(target)
        assert is_whole(found)
        held = target.held("trips", JANUARY)
        assert held is not None
        assert {(int(held.version or -1), held.rows)} == found
    time.sleep(1.6)  # staging tables live half a second there, counted in whole seconds
    target.replace("trips", JANUARY, stream(8), {"version": "8"})
    assert connect(parse_url(target.url), 10, 10).tables() == ["_partitions", "trips"]
    assert seen(target) == {(8, ROWS)}


def _load_and_kill(url: str, after: float) -> None:
    """Start a process that loads; once it has come to its first end, kill it ``after`` seconds later."""
    loader = subprocess.Popen(
        [sys.executable, str(SCRIPT), url],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert loader.stdout is not None
    assert loader.stdout.readline()
    time.sleep(after)
    loader.kill()
    loader.wait()
    loader.stdout.close()


def test_a_swap_that_fails_midway_leaves_the_old_month_and_its_facts(
    target: BigQueryTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.replace("trips", JANUARY, stream(0), {"version": "0"})
    client = connect(parse_url(target.url), 10, 10)
    send = replace_module._send

    def sabotage(*arguments: Any) -> Any:
        (staging,) = [name for name in client.tables() if name.startswith("_staging_")]
        client.client.delete_table(client.place.table(staging))
        return send(*arguments)

    monkeypatch.setattr(replace_module, "_send", sabotage)
    with pytest.raises(TargetError, match="_staging_"):
        target.replace("trips", JANUARY, stream(1), {"version": "1"})
    assert seen(target) == {(0, ROWS)}
    assert target.partitions("trips") == {JANUARY: Held(ROWS, {"version": "0"})}
