"""The code location: what `dagster dev`, `dg` and the production servers load."""

import warnings

from dagster import (
    AssetsDefinition,
    AssetSelection,
    BetaWarning,
    Definitions,
    PreviewWarning,
    define_asset_job,
    in_process_executor,
    with_source_code_references,
)

from taxi_assets.assets.audit_trail import audit_assets
from taxi_assets.assets.cleaned import cleaned_assets
from taxi_assets.assets.marts import mart_assets
from taxi_assets.assets.raw import raw_asset
from taxi_assets.assets.reports import report_assets
from taxi_assets.assets.stored import target_asset, targets_of
from taxi_assets.assets.summary import summary_asset
from taxi_assets.assets.zones import zone_copies, zones_asset
from taxi_assets.automation import build_schedules, build_sensors
from taxi_assets.checks import checks_for, shared_checks
from taxi_assets.health.asset import health_asset, health_job
from taxi_assets.jobs import mart_jobs, overview_job, reports_job, trips_job
from taxi_assets.recovery.reconciliation import reconcile_job, reconciliation_asset
from taxi_assets.resources import build_resources, kinds
from taxi_assets.settings import Settings
from taxi_assets.tlc.services import SERVICES, Service


def service_assets(service: Service, settings: Settings) -> list[AssetsDefinition]:
    """A service's chain: raw, cleaned and quarantined, their summary, the cleaned rows in each target."""
    stored = [
        target_asset(target, service, settings, kinds(settings)[target.name])
        for target in targets_of(settings)
    ]
    return [
        raw_asset(service, settings),
        cleaned_assets(service, settings),
        summary_asset(service, settings),
        *stored,
    ]


def build_definitions(settings: Settings) -> Definitions:
    """The whole code location for given settings."""
    services = SERVICES.items()
    with warnings.catch_warnings():
        # Backfill policies and code references are called beta in Dagster 1.13, checks by month a preview;
        # each would print a line per asset at every start.
        warnings.simplefilter("ignore", BetaWarning)
        warnings.simplefilter("ignore", PreviewWarning)
        assets = [asset for _, service in services for asset in service_assets(service, settings)]
        checks = [
            *(check for _, service in services for check in checks_for(service, settings)),
            *shared_checks(settings),
        ]
        return Definitions(
            assets=with_source_code_references(
                [
                    *assets,
                    zones_asset(settings),
                    *zone_copies(settings, kinds(settings)),
                    *mart_assets(settings, kinds(settings)["warehouse"]),
                    *audit_assets(settings),
                    reconciliation_asset(settings),
                    health_asset(settings, [key for one in [*assets, *checks] for key in one.check_keys]),
                    *report_assets(settings, [key for check in checks for key in check.check_keys]),
                ]
            ),
            asset_checks=checks,
            jobs=[
                *(trips_job(service) for _, service in services),
                define_asset_job(
                    "reference",
                    selection=AssetSelection.groups("reference"),
                    description="What the trips refer to: the taxi zones.",
                ),
                *mart_jobs(settings),
                reconcile_job(),
                health_job(),
                reports_job(),
                overview_job(),
            ],
            sensors=build_sensors(settings),
            schedules=build_schedules(),
            resources=build_resources(settings),
            # Steps share one process: a month's five steps take 3 s so, 13 s in processes of their own.
            executor=in_process_executor,
        )


defs = build_definitions(Settings.from_environment())
