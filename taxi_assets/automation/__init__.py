"""What runs without anybody looking: sensors, schedules, and assets that follow each other."""

from collections.abc import Sequence

from dagster import ScheduleDefinition, SensorDefinition

from taxi_assets.alerts import alerts_sensor
from taxi_assets.settings import Settings


def build_sensors(settings: Settings) -> Sequence[SensorDefinition]:
    """Every sensor of the code location."""
    return [alerts_sensor(settings)]


def build_schedules(settings: Settings) -> Sequence[ScheduleDefinition]:
    """Every schedule of the code location."""
    del settings
    return []
