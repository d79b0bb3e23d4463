"""Checks that failed for what stands now, by Dagster's records: one query a check, whatever the months."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from dagster import AssetCheckKey, AssetCheckSeverity, DagsterInstance
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecordStatus as Status,
)
from dagster._core.storage.asset_check_execution_record import AssetCheckPartitionInfo

from taxi_assets.health.facts import FailedCheck
from taxi_assets.verdicts import verdicts
from taxi_assets.words import subject


def failed_checks(instance: DagsterInstance, keys: Iterable[AssetCheckKey]) -> Iterator[FailedCheck]:
    """Each check of which a verdict on what stands now is that it fails.

    Args:
        instance: Whose records.
        keys: Of the checks to look at.
    """
    failed: dict[AssetCheckKey, list[AssetCheckPartitionInfo]] = defaultdict(list)
    for one in instance.event_log_storage.get_asset_check_partition_info(list(keys)):
        if one.latest_execution_status == Status.FAILED and _is_of_what_stands(one):
            failed[one.check_key].append(one)
    for key, found in failed.items():
        months = frozenset(one.partition_key for one in found if one.partition_key)
        newest = max(found, key=lambda one: (one.partition_key or "", one.latest_check_event_storage_id))
        yield _described(instance, key, months, newest.partition_key)


def _is_of_what_stands(one: AssetCheckPartitionInfo) -> bool:
    """Whether a verdict is about the newest materialization, or not about one at all.

    One that tells of all months of a run together is in the way: each of its months has its own.
    """
    monthly = bool(subject(one.check_key.asset_key.to_user_string())[1])
    if one.partition_key is None and monthly:
        return False
    return one.is_current


def _described(
    instance: DagsterInstance, key: AssetCheckKey, months: frozenset[str], newest: str | None
) -> FailedCheck:
    records = verdicts(instance, key, newest, {Status.FAILED})
    evaluation = records[0].evaluation if records else None
    return FailedCheck(
        key.asset_key.to_user_string(),
        key.name,
        months,
        evaluation is None or evaluation.severity == AssetCheckSeverity.ERROR,
        (evaluation and evaluation.description) or "",
    )
