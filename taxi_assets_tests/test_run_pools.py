"""A run's pools exist before it begins, and those that exist stay as somebody has set them."""

from dagster import DagsterInstance, DagsterRun
from dagster._core.storage.dagster_run import RunOpConcurrency

from taxi_assets.run_pools import make_pools


def test_pools_that_are_new_are_made_and_others_left_alone() -> None:
    needs = RunOpConcurrency(
        root_key_counts={"source": 1}, has_unconstrained_root_nodes=False, all_pools={"source", "postgres"}
    )
    run = DagsterRun("green_trips", run_op_concurrency=needs)
    limits = {"concurrency": {"pools": {"default_limit": 1}}}
    with DagsterInstance.local_temp(overrides=limits) as instance:
        storage = instance.event_log_storage
        storage.set_concurrency_slots("postgres", 3)
        make_pools(instance, run)
        make_pools(instance, DagsterRun("health"))  # needs none
        assert {limit.name: limit.limit for limit in storage.get_pool_limits()} == {
            "source": 1,
            "postgres": 3,
        }
