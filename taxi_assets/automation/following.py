"""The sensors that evaluate declarative automation: targets that follow their cleaned months, and reports."""

from dagster import AssetSelection, AutomationConditionSensorDefinition, DefaultSensorStatus

from taxi_assets.assets.reports import GROUP as REPORTS
from taxi_assets.assets.stored import targets_of
from taxi_assets.settings import Settings

_USUAL = 30  # seconds between two looks; one takes some 0.3 s over the months of all services
_REPORTS = 300  # nobody waits for a page, and services that load together are done together


def following_sensor(settings: Settings) -> AutomationConditionSensorDefinition:
    """On from the start: it does nothing unless a month was cleaned alone."""
    return AutomationConditionSensorDefinition(
        "targets_follow_cleaned",
        target=AssetSelection.key_prefixes(*([target.name] for target in targets_of(settings))),
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=settings.interval(_USUAL),
        description="Loads a month into a target when its cleaned rows are newer and every check passed.",
    )


def reports_sensor(settings: Settings) -> AutomationConditionSensorDefinition:
    """Beside the targets' sensor and not within it, so that one can be off while the other is on."""
    return AutomationConditionSensorDefinition(
        "reports_follow",
        target=AssetSelection.groups(REPORTS),
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=settings.interval(_REPORTS),
        description="Makes a month's report when a service's month is newer and done, the overview nightly.",
    )
