"""What still stands in the stores of the months that a run did not replace."""

from collections import defaultdict
from collections.abc import Iterable

from dagster import AssetKey, DagsterInstance

from taxi_assets.alerts.problems import Problem
from taxi_assets.setting_values import TARGET_NAMES
from taxi_assets.words import subject


def held_in_stores(instance: DagsterInstance, missing: Iterable[Problem]) -> dict[Problem, bool]:
    """Of the missing months of each target, whether one that was stored before is still there."""
    months: dict[str, list[Problem]] = defaultdict(list)
    for problem in missing:
        if problem.kind == "asset" and problem.month and subject(problem.name)[1] in TARGET_NAMES:
            months[problem.name].append(problem)
    return {
        problem: problem.month in stored
        for name, problems in months.items()
        for stored in [instance.get_materialized_partitions(AssetKey.from_user_string(name))]
        for problem in problems
    }
