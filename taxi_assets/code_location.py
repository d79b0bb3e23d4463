"""The code location: every asset, check, job, sensor, schedule and resource, for given settings.

Every process of Dagster's builds it anew. So a library that only the work needs, and that takes more than
50 ms, is imported in the function that uses it: pandas, matplotlib, requests, Google's clients and the like.
"""

import warnings

from dagster import (
    AssetsDefinition,
    BetaWarning,
    Definitions,
    PreviewWarning,
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
from taxi_assets.health.asset import health_asset
from taxi_assets.jobs import build_jobs
from taxi_assets.recovery.reconciliation import reconciliation_asset
from taxi_assets.resources import build_resources, kinds
from taxi_assets.settings import Settings
from taxi_assets.tlc.services import SERVICES, Service


def service_assets(service: Service, settings: Settings) -> list[AssetsDefinition]:
    """A service's chain: raw, cleaned and quarantined, their summary, the cleaned rows in each target."""
    drawn = kinds(settings)
    return [
        raw_asset(service, settings),
        cleaned_assets(service, settings),
        summary_asset(service, settings),
        *(target_asset(target, service, settings, drawn[target.name]) for target in targets_of(settings)),
    ]


def shared_assets(settings: Settings) -> list[AssetsDefinition]:
    """What no single service owns."""
    drawn = kinds(settings)
    return [
        zones_asset(settings),
        *zone_copies(settings, drawn),
        *mart_assets(settings, drawn["warehouse"]),
        *audit_assets(settings),
        reconciliation_asset(settings),
    ]


def build_definitions(settings: Settings) -> Definitions:
    """The whole code location for given settings."""
    services = SERVICES.values()
    with warnings.catch_warnings():
        # Backfill policies and code references are called beta in Dagster 1.13, checks by month a preview;
        # each would print a line per asset at every start.
        warnings.simplefilter("ignore", BetaWarning)
        warnings.simplefilter("ignore", PreviewWarning)
        assets = [asset for service in services for asset in service_assets(service, settings)]
        assets += shared_assets(settings)
        checks = [check for service in services for check in checks_for(service, settings)]
        checks += shared_checks(settings)
        judged = [key for one in [*assets, *checks] for key in one.check_keys]
        pages = [health_asset(settings, judged), *report_assets(settings, judged)]
        return Definitions(
            assets=with_source_code_references([*assets, *pages]),
            asset_checks=checks,
            jobs=build_jobs(settings),
            sensors=build_sensors(settings),
            schedules=build_schedules(),
            resources=build_resources(settings),
            # Steps share one process: a month's five steps take 3 s so, 13 s in processes of their own.
            executor=in_process_executor,
        )
