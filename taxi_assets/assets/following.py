"""When a target follows its cleaned months by itself: Dagster's declarative automation.

The runs of sensors, schedules and backfills take a month's whole chain, targets included, and leave
nothing to follow. What is left is a month that was cleaned alone: by a person with other rules, or by
recovery. Its targets then hold another version than ``cleaned`` until somebody loads them; this condition
is that somebody.

A month follows once it is whole: no upstream is missing or at work, the target itself is not at work, and
every blocking check of ``cleaned`` has passed for exactly this version, so a month that the gate holds
back stays where it is. All months may follow, not only the newest, which is where Dagster's own
``eager()`` stops.
"""

from dagster import AutomationCondition

FOLLOWS_CLEANED = (
    AutomationCondition.eager()
    .without(AutomationCondition.in_latest_time_window())
    .with_label("cleaned is newer")
    & AutomationCondition.all_deps_blocking_checks_passed()
).with_label("follows cleaned")
