"""A run's pools exist before it begins, and those that exist stay as somebody has set them."""

from dagster import DagsterInstance

from taxi_assets.definitions import build_definitions
from taxi_assets.run_pools import make_pools
from taxi_assets.settings import Settings


def test_pools_that_are_new_are_made_and_others_left_alone() -> None:
    job = build_definitions(Settings.from_environment({"TAXI_HOME": "/nowhere"})).resolve_job_def(
        "green_trips"
    )
    with DagsterInstance.local_temp() as instance:
        storage = instance.event_log_storage
        storage.set_concurrency_slots("postgres", 3)
        run = instance.create_run_for_job(job)
        make_pools(instance, run)
        made = {limit.name: limit.limit for limit in storage.get_pool_limits()}
        assert made["postgres"] == 3
        assert {"source", "lake", "warehouse"} <= made.keys()
        make_pools(instance, run)
        assert {limit.name: limit.limit for limit in storage.get_pool_limits()} == made
