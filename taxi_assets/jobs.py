"""Jobs: what the UI's *Launchpad*, ``taxi-assets load``, the demo and the sensors run."""

from collections.abc import Sequence
from functools import cache

from dagster import AssetSelection, define_asset_job
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from taxi_assets.assets.common import REFERENCE
from taxi_assets.assets.marts import GROUP as MARTS
from taxi_assets.assets.marts import WAREHOUSE
from taxi_assets.health.asset import health_job
from taxi_assets.recovery.reconciliation import reconcile_job
from taxi_assets.reports import places
from taxi_assets.run_resources import resource_tags
from taxi_assets.settings import Settings
from taxi_assets.tlc.services import SERVICES, Service


def build_jobs(settings: Settings) -> Sequence[UnresolvedAssetJobDefinition]:
    """Every job of the code location."""
    return [
        *(trips_job(service) for service in SERVICES.values()),
        reference_job(),
        *mart_jobs(settings),
        reconcile_job(),
        health_job(),
        reports_job(),
        overview_job(),
    ]


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


@cache
def reference_job() -> UnresolvedAssetJobDefinition:
    """The zones and their copies."""
    return define_asset_job(
        REFERENCE,
        selection=AssetSelection.groups(REFERENCE),
        description="What the trips refer to: the taxi zones.",
    )


def mart_jobs(settings: Settings) -> list[UnresolvedAssetJobDefinition]:
    """The job ``marts``, by months; none where the warehouse is switched off."""
    if WAREHOUSE not in settings.targets:
        return []
    return [
        define_asset_job(
            MARTS,
            selection=AssetSelection.groups(MARTS),
            description="A month of every mart, made of the trips of all services in the warehouse.",
        )
    ]


@cache
def reports_job() -> UnresolvedAssetJobDefinition:
    """The pages of months; without the overview, which a backfill by this job would make once a month."""
    return define_asset_job(
        "reports",
        selection=AssetSelection.assets(list(places.MONTHLY)),
        description="A page for each month: an HTML file in the lake, to send to somebody.",
    )


@cache
def overview_job() -> UnresolvedAssetJobDefinition:
    """The page over all months."""
    return define_asset_job(
        "reports_overview",
        selection=AssetSelection.assets(list(places.OVERVIEW)),
        description="One page over all months, which leads to theirs: an HTML file in the lake.",
    )
