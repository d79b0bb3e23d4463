"""The sensor that evaluates declarative automation: targets follow cleaned months, marts the warehouse."""

from dagster import AssetSelection, AutomationConditionSensorDefinition, DefaultSensorStatus

from taxi_assets.assets.marts import GROUP
from taxi_assets.assets.stored import targets_of
from taxi_assets.settings import Settings

_USUAL = 30  # seconds between two looks; one takes some 0.3 s over the months of all services


def following_sensor(settings: Settings) -> AutomationConditionSensorDefinition:
    """On from the start: it does nothing unless a month was cleaned alone, or a mart is older than it."""
    return AutomationConditionSensorDefinition(
        "targets_follow_cleaned",
        target=AssetSelection.key_prefixes(*([target.name] for target in targets_of(settings)), [GROUP]),
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=settings.interval(_USUAL),
        description="Loads a month into a target when its cleaned rows are newer and every check passed; "
        "makes a month of a mart when the warehouse's is newer.",
    )
