"""Whether a run is to load a month: by its state, its tags and its assets."""

from collections.abc import Iterator
from typing import Any

import pytest
from dagster import AssetCheckKey, DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from taxi_assets.recovery.believed import loading
from taxi_assets.run_tags import PARTITION, range_tags
from taxi_assets.tlc.services import SERVICES
from taxi_assets_tests.assets.graph import trips

LAKE = trips("lake", "green")
OTHERS = {trips("cleaned", "green"), trips("postgres", "green"), trips("lake", "fhv")}
CHECKS = {AssetCheckKey(LAKE, "matches_cleaned")}


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        yield made


def begin(instance: DagsterInstance, **run: Any) -> str:
    """The id of a run of 2024-02 of the lake, but for what is said otherwise."""
    usual = {"status": DagsterRunStatus.STARTED, "tags": {PARTITION: "2024-02"}, "asset_selection": {LAKE}}
    made: DagsterRun = create_run_for_test(instance, job_name="green_trips", **{**usual, **run})
    return made.run_id


def found(instance: DagsterInstance, but: str = "") -> str | None:
    return loading(instance, "lake", SERVICES["green"], "2024-02", but)


@pytest.mark.parametrize(
    "run",
    [
        pytest.param({"status": DagsterRunStatus.NOT_STARTED}, id="not started"),
        pytest.param({"status": DagsterRunStatus.STARTING}, id="starting"),
        pytest.param({"status": DagsterRunStatus.CANCELING}, id="being cancelled"),
        pytest.param({"tags": range_tags("2024-01", "2024-03")}, id="of a range"),
        pytest.param({"tags": {}}, id="of all months"),
        pytest.param({"asset_selection": {trips("cleaned", "green"), LAKE}}, id="of two assets"),
        pytest.param({"asset_selection": None}, id="of the whole job"),
    ],
)
def test_a_run_that_has_not_ended_is_to_load_its_months_of_its_assets(
    instance: DagsterInstance, run: dict[str, Any]
) -> None:
    run_id = begin(instance, **run)
    assert found(instance) == run_id
    assert found(instance, but=run_id) is None, "it does not wait for itself"


@pytest.mark.parametrize(
    "run",
    [
        pytest.param({"status": DagsterRunStatus.SUCCESS}, id="successful"),
        pytest.param({"status": DagsterRunStatus.FAILURE}, id="failed"),
        pytest.param({"status": DagsterRunStatus.CANCELED}, id="cancelled"),
        pytest.param({"tags": {PARTITION: "2024-03"}}, id="of another month"),
        pytest.param({"tags": range_tags("2023-01", "2024-01")}, id="of another range"),
        pytest.param({"asset_selection": OTHERS}, id="of other assets"),
        pytest.param({"asset_selection": set(), "asset_check_selection": CHECKS}, id="of checks"),
        pytest.param({"asset_selection": None, "asset_check_selection": CHECKS}, id="of checks alone"),
    ],
)
def test_no_other_run_is(instance: DagsterInstance, run: dict[str, Any]) -> None:
    begin(instance, **run)
    assert found(instance) is None
