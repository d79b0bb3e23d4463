"""What follows by itself: Dagster's declarative automation of targets and of their checks.

The runs of sensors, schedules and backfills take a month's whole chain, targets included, and leave
nothing to follow. What is left is a month that was cleaned alone: by a person with other rules, or by
recovery. Its targets then hold another version than ``cleaned`` until somebody loads them; this condition
is that somebody.

A month follows once it is whole: no upstream is missing or at work, the target itself is not at work, and
every blocking check of ``cleaned`` has passed for exactly this version, so a month that the gate holds
back stays where it is. All months may follow, not only the newest, which is where Dagster's own
``eager()`` stops.

A mart follows the warehouse, month by month: a service that has nothing of a month is not waited for, and
when it comes later the month is made again. Rather once more than it must than once too few, since what is
current is passed over: a service's month that lands while the mart is made of another's counts.

A summary follows its month in the same way, but waits for no check: what is held back is to be seen.

A target's check follows its target, for months that were stored and not proved: a run of many months in which
one is held back, or fails, ends before its checks.
"""

from dagster import AssetSelection, AutomationCondition

from taxi_assets.assets.common import REFERENCE

_IS_NEWER = AutomationCondition.eager().without(AutomationCondition.in_latest_time_window())

FOLLOWS_CLEANED = (
    _IS_NEWER.with_label("cleaned is newer") & AutomationCondition.all_deps_blocking_checks_passed()
).with_label("follows cleaned")

FOLLOWS_ITS_MONTH = _IS_NEWER.with_label("follows its month, whether it is held back or not")

# Dagster's any_deps_missing() counts what is asked for in this look as there; but a target that is asked for
# several months is a backfill, and its check runs beside it, a run a month, which find nothing and fail.
_NOT_YET = AutomationCondition.missing() | AutomationCondition.will_be_requested()

# A run that fails before it stores leaves the target as it was proved, although its check has no verdict any
# more: only what was stored since is to be judged. A month that is held back differs from cleaned on purpose.
_STORED = AutomationCondition.any_deps_match(AutomationCondition.newly_updated()).ignore(
    AssetSelection.key_prefixes("cleaned")
)

_UNPROVED = (
    _STORED.since(AutomationCondition.check_passed() | AutomationCondition.check_failed())
    & ~AutomationCondition.any_deps_match(_NOT_YET)
    & ~AutomationCondition.any_deps_in_progress()
    & ~AutomationCondition.in_progress()
).with_label("stored and not judged since")

PROVES_TARGET = (_UNPROVED.newly_true() & ~AutomationCondition.initial_evaluation()).with_label(
    "proves what stands"
)

_REFERENCE = AssetSelection.groups(REFERENCE)

_NEWER = AutomationCondition.any_deps_match(AutomationCondition.newly_updated()).ignore(_REFERENCE) | (
    # Other names of the zones change the months that are there; they are no reason for one that is not.
    AutomationCondition.any_deps_match(AutomationCondition.newly_updated()).allow(_REFERENCE)
    & ~AutomationCondition.missing()
)

# Once, also for what stood before anybody looked: a person who cancels that run is not contradicted.
_NEVER_MADE = (
    (
        AutomationCondition.missing()
        & AutomationCondition.any_deps_match(~AutomationCondition.missing()).ignore(_REFERENCE)
    )
    .newly_true()
    .since(AutomationCondition.newly_requested() | AutomationCondition.newly_updated())
    .with_label("was never made")
)

FOLLOWS_WAREHOUSE = (
    (
        # Dagster's since_last_handled() would forget a month that came in the same look as the request for
        # another service's, or as the mart itself.
        _NEWER.since(
            (AutomationCondition.newly_requested() & ~_NEWER) | AutomationCondition.initial_evaluation()
        ).with_label("a month of the warehouse is newer")
        | _NEVER_MADE
    )
    & ~AutomationCondition.any_deps_in_progress()
    & ~AutomationCondition.in_progress()
).with_label("follows the warehouse")

FOLLOWS_ZONES = (
    AutomationCondition.eager() & AutomationCondition.all_deps_blocking_checks_passed()
).with_label("follows the zones")
