"""What Dagster's records say of months, where neither lake nor source can tell."""

from collections.abc import Set

from dagster import AssetCheckKey, AssetRecordsFilter, DagsterInstance
from dagster._core.event_api import PartitionKeyFilter
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from taxi_assets.alerts.words import short
from taxi_assets.assets.common import trips_key
from taxi_assets.assets.gate import CHECK
from taxi_assets.recovery.believed import believed
from taxi_assets.tlc.services import Service

_JUDGED = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}


def landed_by_record(instance: DagsterInstance, service: Service) -> Set[str]:
    """Months whose raw file a person put there, by the newest record of each."""
    found = believed(instance, trips_key("raw", service))
    return {month for month, record in found.items() if record.facts.get("origin") == "landing"}


def held_back(instance: DagsterInstance, service: Service, month: str) -> str:
    """Why the gate holds back the cleaned month as it stands, or '': by its newest verdict."""
    cleaned = trips_key("cleaned", service)
    verdicts = instance.event_log_storage.get_asset_check_execution_history(
        AssetCheckKey(cleaned, CHECK),
        limit=1,
        status=_JUDGED,
        partition_filter=PartitionKeyFilter(key=month),
    )
    verdict = verdicts[0].evaluation if verdicts else None
    if verdict is None or verdict.passed:
        return ""
    # A month that was cleaned anew since, by whomever, has not been judged.
    wanted = AssetRecordsFilter(cleaned, asset_partitions=[month])
    newest = [record.storage_id for record in instance.fetch_materializations(wanted, limit=1).records]
    judged = verdict.target_materialization_data
    return short(verdict.description or "") if judged and newest == [judged.storage_id] else ""
