"""The sensor that evaluates declarative automation: what was made of months follows those months."""

from dagster import AssetSelection, AutomationConditionSensorDefinition, DefaultSensorStatus

from taxi_assets.settings import Settings

_USUAL = 30  # seconds between two looks; one takes some 0.3 s over the months of all services


def following_sensor(settings: Settings) -> AutomationConditionSensorDefinition:
    """On from the start: it does nothing unless something is older than what it was made of."""
    return AutomationConditionSensorDefinition(
        "targets_follow_cleaned",
        target=AssetSelection.all(),  # of which only those with a condition are looked at
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=settings.interval(_USUAL),
        description="Loads a month into a target when its cleaned rows are newer and every check passed; "
        "makes its summary, its marts and its report anew when what they show is newer.",
    )
