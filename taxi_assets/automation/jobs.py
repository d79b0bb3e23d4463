"""The jobs, one a service: sensors and schedules that choose among several need the very objects."""

from functools import cache

from dagster import AssetSelection, define_asset_job
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from taxi_assets.tlc.services import SERVICES, ServiceName


@cache
def trips_job(name: ServiceName) -> UnresolvedAssetJobDefinition:
    """A service's job: all its assets."""
    return define_asset_job(
        f"{name}_trips",
        selection=AssetSelection.groups(name),
        description=f"A month of {SERVICES[name].title} trips: fetched, cleaned, kept in every target.",
    )
