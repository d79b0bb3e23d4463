"""What Dagster's records say of months, where neither lake nor source can tell."""

from collections.abc import Set

from dagster import AssetCheckKey, AssetRecordsFilter, DagsterInstance

from taxi_assets.assets.common import trips_key
from taxi_assets.assets.gate import CHECK
from taxi_assets.recovery.believed import believed
from taxi_assets.tlc.services import Service
from taxi_assets.verdicts import verdicts
from taxi_assets.words import short


def landed_by_record(instance: DagsterInstance, service: Service) -> Set[str]:
    """Months whose raw file a person put there, by the newest record of each."""
    found = believed(instance, trips_key("raw", service))
    return {month for month, record in found.items() if record.facts.get("origin") == "landing"}


def held_back(instance: DagsterInstance, service: Service, month: str) -> str:
    """Why the gate holds back the cleaned month as it stands, or '': by its newest verdict."""
    cleaned = trips_key("cleaned", service)
    found = verdicts(instance, AssetCheckKey(cleaned, CHECK), month)
    verdict = found[0].evaluation if found else None
    if verdict is None or verdict.passed:
        return ""
    # A month that was cleaned anew since, by whomever, has not been judged.
    wanted = AssetRecordsFilter(cleaned, asset_partitions=[month])
    newest = [record.storage_id for record in instance.fetch_materializations(wanted, limit=1).records]
    judged = verdict.target_materialization_data
    return short(verdict.description or "") if judged and newest == [judged.storage_id] else ""
