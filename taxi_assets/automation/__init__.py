"""What runs without anybody looking: sensors, schedules, and assets that follow each other."""

from collections.abc import Sequence

from dagster import ScheduleDefinition, SensorDefinition

from taxi_assets.alerts import alerts_sensor
from taxi_assets.automation.following import following_sensor, reports_sensor
from taxi_assets.automation.landing import landing_sensor
from taxi_assets.automation.publication import publication_sensor
from taxi_assets.automation.schedules import service_schedules
from taxi_assets.health.asset import health_schedule
from taxi_assets.recovery.heal import heal_sensor
from taxi_assets.recovery.reconciliation import reconcile_schedule
from taxi_assets.settings import Settings
from taxi_assets.tlc.services import SERVICES


def build_sensors(settings: Settings) -> Sequence[SensorDefinition]:
    """Every sensor of the code location."""
    publications = [publication_sensor(service, settings) for service in SERVICES.values()]
    landings = [landing_sensor(settings)] if settings.landing_url else []
    return [
        *publications,
        *landings,
        following_sensor(settings),
        reports_sensor(settings),
        heal_sensor(settings),
        alerts_sensor(settings),
    ]


def build_schedules() -> Sequence[ScheduleDefinition]:
    """Every schedule of the code location."""
    of_services = [one for service in SERVICES.values() for one in service_schedules(service)]
    return [*of_services, reconcile_schedule(), health_schedule()]
