"""What checks found of a month, by Dagster's records."""

from collections.abc import Sequence, Set

from dagster import AssetCheckKey, DagsterInstance
from dagster._core.event_api import PartitionKeyFilter
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus as Status

JUDGED = frozenset({Status.SUCCEEDED, Status.FAILED})
"""Evaluations that came to a verdict; others were planned, or their step failed."""


def verdicts(
    instance: DagsterInstance,
    key: AssetCheckKey,
    month: str | None,
    status: Set[Status] = JUDGED,
    limit: int = 1,
) -> Sequence[AssetCheckExecutionRecord]:
    """The newest evaluations of a check, newest first.

    Args:
        instance: Whose records.
        key: The check.
        month: Partition key; None for those of no month.
        status: How they ended.
        limit: How many at most.
    """
    return instance.event_log_storage.get_asset_check_execution_history(
        key, limit=limit, status=set(status), partition_filter=PartitionKeyFilter(key=month)
    )
