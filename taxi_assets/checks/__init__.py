"""Asset checks: what is proved or judged of every month, by asking the stores."""

from dagster import AssetChecksDefinition

from taxi_assets.assets.stored import targets_of
from taxi_assets.checks.codes import codes_check
from taxi_assets.checks.conserved import conservation_check, target_check
from taxi_assets.checks.marts import mart_checks
from taxi_assets.checks.neighbours import neighbours_check
from taxi_assets.checks.newest import newest_month_check
from taxi_assets.checks.nulls import nulls_check
from taxi_assets.checks.published import published_count_check
from taxi_assets.checks.schema_drift import schema_check
from taxi_assets.checks.zones import zone_checks
from taxi_assets.settings import Settings
from taxi_assets.tlc.services import Service


def checks_for(service: Service, settings: Settings) -> list[AssetChecksDefinition]:
    """Every check of a service's assets."""
    return [
        published_count_check(service),
        schema_check(service),
        newest_month_check(service),
        conservation_check(service),
        neighbours_check(service),
        nulls_check(service),
        codes_check(service),
        *(target_check(target, service) for target in targets_of(settings)),
    ]


def shared_checks(settings: Settings) -> list[AssetChecksDefinition]:
    """Every check of what no single service owns: the zones, the marts."""
    return [*zone_checks(), *mart_checks(settings)]
