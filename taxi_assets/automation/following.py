"""The sensors that evaluate declarative automation: what was made of months follows those months."""

from dagster import AssetSelection, AutomationConditionSensorDefinition, DefaultSensorStatus

from taxi_assets.assets.reports import GROUP as REPORTS
from taxi_assets.settings import Settings

_USUAL = 30  # seconds between two looks; one takes some 0.3 s over the months of all services
_REPORTS = 300  # at least: nobody waits for a page, and services that load together are done together


def following_sensor(settings: Settings) -> AutomationConditionSensorDefinition:
    """On from the start: it does nothing unless something is older than what it was made of."""
    return AutomationConditionSensorDefinition(
        "targets_follow_cleaned",
        # Of which only those with a condition are looked at.
        target=AssetSelection.all() - AssetSelection.groups(REPORTS),
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=settings.interval(_USUAL),
        description="Loads a month into a target when its cleaned rows are newer and every check passed; "
        "makes its summary and its marts anew when what they show is newer.",
    )


def reports_sensor(settings: Settings) -> AutomationConditionSensorDefinition:
    """Beside the targets' sensor and not within it, so that one can be off while the other is on."""
    return AutomationConditionSensorDefinition(
        "reports_follow",
        target=AssetSelection.groups(REPORTS),
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=max(_REPORTS, settings.interval(_REPORTS)),
        description="Makes a month's report when a service's month is newer and done, the overview nightly.",
    )
