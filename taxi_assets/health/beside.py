"""What failed beside the chains of the services: zones, marts, summaries and reports."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from dagster import AssetKey, DagsterInstance, DagsterRunStatus

from taxi_assets.assets.common import trips_key
from taxi_assets.assets.marts import WAREHOUSE, mart_key
from taxi_assets.assets.reports import MONTHLY, OVERVIEW
from taxi_assets.assets.summary import MONTHLY_SUMMARY
from taxi_assets.health.facts import FailedBeside, ServiceFacts
from taxi_assets.health.why import why_not_made
from taxi_assets.marts.table import MARTS
from taxi_assets.settings import Settings

_ZONES = AssetKey("zones")


def failed_beside(
    instance: DagsterInstance,
    settings: Settings,
    services: Iterable[ServiceFacts],
    status: Callable[[str], DagsterRunStatus | None],
) -> Iterator[FailedBeside]:
    """Each of these assets that a failed run was to make, and nobody has made since.

    Args:
        instance: Whose records.
        settings: Which targets are on.
        services: What has a line already: a summary that its month kept from being made needs none.
        status: Of a run.
    """
    for key in (_ZONES, *(AssetKey([target, "zones"]) for target in settings.targets), OVERVIEW):
        if run_id := _failed_whole(instance, key, status):
            yield _described(instance, key, {"": run_id}, in_a_store=key != OVERVIEW)
    for key in map(mart_key, MARTS) if WAREHOUSE in settings.targets else ():
        if runs := _failed_months(instance, key, status):
            yield _described(instance, key, runs, in_a_store=True)
    for one in services:
        key = trips_key(MONTHLY_SUMMARY, one.service)
        runs, told = _failed_months(instance, key, status), _told(one)
        if own := {month: run for month, run in runs.items() if month not in told}:
            yield _described(instance, key, own)
    if runs := _failed_months(instance, MONTHLY, status):
        yield _described(instance, MONTHLY, runs)


def _told(one: ServiceFacts) -> frozenset[str]:
    """Months that a run is at, or whose trouble is further up."""
    return one.busy.union(*(one.failed[stage].months for stage in ("raw", "cleaned") if stage in one.failed))


def _failed_months(
    instance: DagsterInstance, key: AssetKey, status: Callable[[str], DagsterRunStatus | None]
) -> Mapping[str, str]:
    """Months with the failed run that was to make them, the newest run last."""
    storage = instance.event_log_storage
    attempts = storage.get_latest_asset_partition_materialization_attempts_without_materializations(key)
    newest = sorted((event, month, run_id) for month, (run_id, event) in attempts.items())
    return {month: run_id for _, month, run_id in newest if status(run_id) == DagsterRunStatus.FAILURE}


def _failed_whole(
    instance: DagsterInstance, key: AssetKey, status: Callable[[str], DagsterRunStatus | None]
) -> str:
    """The failed run that was to make an asset without months, or ''."""
    for record in instance.get_asset_records([key]):
        entry = record.asset_entry
        made = entry.last_materialization_record
        run_id = entry.last_run_id
        if run_id and (made is None or made.run_id != run_id) and status(run_id) == DagsterRunStatus.FAILURE:
            return run_id
    return ""


def _described(
    instance: DagsterInstance, key: AssetKey, runs: Mapping[str, str], *, in_a_store: bool = False
) -> FailedBeside:
    months = frozenset(month for month in runs if month)
    why = why_not_made(instance, "__".join(key.path), list(runs.values())[-1])
    return FailedBeside(key.to_user_string(), months, why, in_a_store)
