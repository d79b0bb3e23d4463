"""A service's job: what the UI's *Launchpad*, ``taxi-assets load`` and the sensors run."""

from functools import cache

from dagster import AssetSelection, define_asset_job
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from taxi_assets.run_resources import resource_tags
from taxi_assets.tlc.services import Service


def trips_job_name(service: Service) -> str:
    """``green_trips``."""
    return f"{service.name}_trips"


@cache
def trips_job(service: Service) -> UnresolvedAssetJobDefinition:
    """All assets and checks of a service.

    One object, however often it is asked for: Dagster refuses a code location whose sensors bring a second
    job of the same name.
    """
    return define_asset_job(
        trips_job_name(service),
        selection=AssetSelection.groups(service.name),
        description=f"A month of {service.title} trips: fetched, cleaned, kept in every target.",
        tags=resource_tags(service),
    )
