"""A service of which no new month comes is told once, and once that it goes on."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from dagster import AssetKey, AssetMaterialization, DagsterInstance
from dagster._core.definitions.freshness import (
    FreshnessState,
    FreshnessStateChange,
    TimeWindowFreshnessPolicy,
)

from taxi_assets.code_location import build_definitions
from taxi_assets.settings import Settings
from taxi_assets.tlc.services import SERVICES, Service
from taxi_assets_tests.alerts.receiver import Receiver
from taxi_assets_tests.alerts.watcher import Watcher
from taxi_assets_tests.assets.graph import trips

STAGES = ("raw", "cleaned", "postgres", "lake", "warehouse")
PASS, WARN, FAIL = FreshnessState.PASS, FreshnessState.WARN, FreshnessState.FAIL


@pytest.fixture
def watcher(receiver: Receiver, tmp_path: Path) -> Iterator[Watcher]:
    settings = Settings.from_environment({"TAXI_HOME": str(tmp_path)})
    with DagsterInstance.ephemeral() as instance:
        yield Watcher(build_definitions(settings), instance, settings, receiver.url)


def become(watcher: Watcher, state: FreshnessState, *keys: AssetKey) -> None:
    """As Dagster's freshness daemon reports it."""
    for key in keys:
        watcher.instance.report_runless_asset_event(
            FreshnessStateChange(
                key=key, new_state=state, previous_state=FreshnessState.UNKNOWN, state_change_timestamp=0.0
            )
        )


def test_a_service_that_is_overdue_is_one_message_and_its_return_another(
    watcher: Watcher, receiver: Receiver
) -> None:
    watcher.tick()
    keys = [trips(stage, "green") for stage in STAGES]
    watcher.instance.report_runless_asset_event(AssetMaterialization(keys[0], partition="2024-01"))
    become(watcher, WARN, *keys)
    watcher.tick()
    assert receiver.titles() == []
    become(watcher, FAIL, *keys, trips("raw", "fhv"))
    watcher.tick()
    watcher.tick()
    assert receiver.titles() == [
        "fhv: overdue, no month came for too long",
        "green: overdue, no month came for too long",
    ]
    fhv, green = receiver.take()
    assert "raw of fhv: nothing was ever materialized." in fhv.body
    assert (
        "raw, cleaned, postgres, lake and warehouse of green: the last one was 2024-01, on 20" in green.body
    )
    assert green.body.endswith("http://localhost:3000/assets/raw/green_trips")
    become(watcher, PASS, *keys)
    watcher.tick()
    watcher.tick()
    assert receiver.titles() == ["green: up to date again"]


def test_what_is_overdue_already_at_the_first_look_is_told(watcher: Watcher, receiver: Receiver) -> None:
    become(watcher, FAIL, trips("raw", "green"))
    watcher.tick()
    assert receiver.titles() == ["green: overdue, no month came for too long"]


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda service: service.name)
def test_two_months_may_come_a_month_and_the_spread_of_their_lags_apart(service: Service) -> None:
    graph = build_definitions(Settings.from_environment({"TAXI_HOME": "/nowhere"})).resolve_asset_graph()
    days = {"fhv": (77, 46)}.get(service.name, (107, 76))
    for stage in STAGES:
        policy = graph.get(trips(stage, service.name)).freshness_policy
        assert isinstance(policy, TimeWindowFreshnessPolicy)
        assert policy.warn_window
        assert (policy.fail_window.to_timedelta(), policy.warn_window.to_timedelta()) == tuple(
            timedelta(days=number) for number in days
        )
    assert graph.get(trips("quarantined", service.name)).freshness_policy is None
