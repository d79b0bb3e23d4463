"""A store that does not answer is said to be one, and costs the others nothing."""

import shutil
from collections.abc import Iterator

import pytest
from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from taxi_assets.recovery.compare import compare
from taxi_assets.resources import build_resources
from taxi_assets.settings import Settings
from taxi_assets.tlc.services import SERVICES
from taxi_assets_tests.assets.graph import Graph, trips
from taxi_assets_tests.recovery import damage
from taxi_assets_tests.recovery.conftest import MONTHS
from taxi_assets_tests.recovery.healing import RANGE, Healer, found, reconcile

FIRST, SECOND = MONTHS


@pytest.fixture
def without_postgres(loaded: Graph, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    url, loaded.postgres_url = loaded.postgres_url, "postgresql://ana:s3cret@127.0.0.1:1/taxi"
    monkeypatch.setenv("TAXI_POSTGRES_URL", loaded.postgres_url)  # read there: it holds a password
    yield
    loaded.postgres_url = url


def test_a_store_that_is_down_is_said_and_nothing_is_asked_of_it(
    loaded: Graph, without_postgres: None
) -> None:
    damage.delete_lake(loaded, "green", SECOND)
    comparison, check = reconcile(loaded)
    assert found(comparison) == {("green", "lake", SECOND, "lost")}
    assert set(comparison.unanswered) == {f"{service}/postgres" for service in SERVICES}
    assert not check.passed
    assert "green/postgres could not be asked: " in str(check.description)
    assert "s3cret" not in f"{check.description} {comparison.unanswered}"
    assert [one.what for one in Healer(loaded).heal()] == [("green_trips", ("lake",), (SECOND,))]
    comparison, check = reconcile(loaded)
    assert not comparison.differences
    assert not check.passed, "nobody knows what Postgres holds"


def test_a_lake_whose_disk_is_not_mounted_is_not_taken_for_a_loss(loaded: Graph) -> None:
    damage.delete_warehouse_rows(loaded, "green", FIRST)
    lake = loaded.home / "lake"
    lake.rename(loaded.home / "elsewhere")
    try:
        comparison, check = reconcile(loaded)
        assert set(comparison.unanswered) == {
            f"green/{stage}" for stage in ("raw", "cleaned", "quarantined", "lake")
        }
        assert f"{lake} is not there: mount it" in str(check.description)
        assert found(comparison) == {("green", "warehouse", FIRST, "other rows")}
        assert Healer(loaded).look() == [], "there is nothing to load it from"
    finally:
        (loaded.home / "elsewhere").rename(lake)
    reconcile(loaded)
    assert [one.what[1] for one in Healer(loaded).heal()] == [("warehouse",)]
    assert reconcile(loaded)[0].clean


def test_a_lake_that_is_lost_altogether_is_fetched_and_cleaned_again_and_the_rest_stays(
    loaded: Graph,
) -> None:
    before = loaded.targets("green", FIRST)
    shutil.rmtree(loaded.home / "lake")
    assert not reconcile(loaded)[0].differences, "perhaps it is not mounted"
    (loaded.home / "lake").mkdir()
    assert {(stage, kind) for _, stage, _, kind in found(reconcile(loaded)[0])} == {
        (stage, "lost") for stage in ("raw", "cleaned", "quarantined", "lake")
    }
    healed = Healer(loaded).heal()
    assert [one.what[1:] for one in healed] == [(("raw", "cleaned", "quarantined", "lake"), MONTHS)]
    assert reconcile(loaded)[0].clean
    assert loaded.targets("green", FIRST) == before


def test_a_target_that_is_switched_off_is_not_asked(loaded: Graph) -> None:
    settings = Settings.from_environment(
        {
            "TAXI_HOME": str(loaded.home),
            "TAXI_POSTGRES_URL": "postgresql://127.0.0.1:1/taxi",
            "TAXI_TARGETS": "lake",
        }
    )
    comparison = compare(loaded.instance, build_resources(settings, conceal=False), settings)
    assert comparison.clean
    assert comparison.months == 8


@pytest.mark.parametrize(
    ("status", "tags"),
    [
        (DagsterRunStatus.NOT_STARTED, {"dagster/partition": FIRST}),
        (DagsterRunStatus.STARTED, dict(zip(RANGE, MONTHS, strict=True))),
        (DagsterRunStatus.CANCELING, {}),
    ],
    ids=["one month", "a range", "no month"],
)
def test_months_that_a_run_is_at_are_left_to_it(
    loaded: Graph, status: DagsterRunStatus, tags: dict[str, str]
) -> None:
    damage.delete_lake(loaded, "green", FIRST)
    healer = Healer(loaded)
    reconcile(loaded)  # before the run was there
    run = create_run_for_test(
        loaded.instance,
        job_name="green_trips",
        status=status,
        tags=tags,
        asset_selection=frozenset([trips("raw", "green")]),
    )
    try:
        assert healer.look() == []
        comparison, check = reconcile(loaded)
        assert check.passed
        assert FIRST in comparison.busy["green"]
        assert healer.look() == []
    finally:
        loaded.instance.delete_run(run.run_id)
    reconcile(loaded)
    assert [one.what[1] for one in healer.heal()] == [("lake",)]
