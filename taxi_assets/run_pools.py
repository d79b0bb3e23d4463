"""The pools that a run needs, made before it is launched.

A step whose pool is new to Dagster makes it. Two steps that do so at once, in two processes, are more than
Dagster's storage in Postgres can take: one of their runs fails.
"""

from dagster import DagsterInstance, DagsterRun


def make_pools(instance: DagsterInstance, run: DagsterRun) -> None:
    """Make those of a run's pools that are new, with the limit that ``dagster.yaml`` gives all of them."""
    concurrency, storage = run.run_op_concurrency, instance.event_log_storage
    wanted = set(concurrency.all_pools or ()) if concurrency else set()
    for pool in sorted(wanted - {limit.name for limit in storage.get_pool_limits()}):
        storage.initialize_concurrency_limit_to_default(pool)
