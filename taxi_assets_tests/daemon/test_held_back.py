"""A backfill with one month that is unlike its neighbours: the others are stored, and proved, without it."""

import pytest
from dagster import AssetCheckKey
from dagster._core.event_api import PartitionKeyFilter
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from taxi_assets_tests.assets.graph import TARGETS, Graph, months, trips
from taxi_assets_tests.daemon.published import PublishedMonths
from taxi_assets_tests.servers.dagster_dev import DagsterDev

pytestmark = pytest.mark.slow

KEYS = months("2023-01", "2023-05")
ODD = KEYS[2]
GOOD = [month for month in KEYS if month != ODD]
STAGES = ("raw", "cleaned", "quarantined", *TARGETS)


def proved(system: DagsterDev, target: str) -> list[str]:
    """Months whose stored rows were judged to be the cleaned ones."""
    key = AssetCheckKey(trips(target, "green"), "matches_cleaned")
    passed = {AssetCheckExecutionRecordStatus.SUCCEEDED}
    with system.instance() as instance:
        history = instance.event_log_storage.get_asset_check_execution_history
        return [m for m in KEYS if history(key, 1, status=passed, partition_filter=PartitionKeyFilter(key=m))]


def test_the_months_around_one_that_is_held_back_are_stored_and_proved(
    system: DagsterDev, stores: Graph, tlc: PublishedMonths
) -> None:
    tlc.publish("green", *KEYS, rows=2000)
    tlc.publish("green", ODD, rows=300)
    system.backfill([f"{stage}/green_trips" for stage in STAGES], KEYS)
    system.wait(lambda: all(proved(system, target) == GOOD for target in TARGETS), within=240)
    assert {target: sorted(found) for target, found in stores.counts("green").items()} == dict.fromkeys(
        TARGETS, GOOD
    )
