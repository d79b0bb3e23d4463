"""Services of which no new month has come for too long, as Dagster's freshness policies judge it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from dagster import AssetKey, DagsterInstance
from dagster._core.definitions.freshness import FreshnessState  # no public name; what the records hold

from taxi_assets.alerts.memory import Unsent
from taxi_assets.alerts.problems import Change, Outcome, Problem
from taxi_assets.alerts.words import in_order, listed, moment, subject


def freshness_outcome(instance: DagsterInstance, keys: Sequence[AssetKey], now: float) -> Outcome:
    """Which assets are overdue now and which are not; what is only late says neither."""
    records = instance.get_freshness_state_records(keys)
    states = {
        Problem("freshness", key.to_user_string()): record.freshness_state for key, record in records.items()
    }
    overdue = {problem: "overdue" for problem, state in states.items() if state == FreshnessState.FAIL}
    fresh = frozenset(problem for problem, state in states.items() if state == FreshnessState.PASS)
    return Outcome("", now, overdue, good=fresh)


def freshness_messages(instance: DagsterInstance, change: Change, ui_url: str) -> list[Unsent]:
    """One message per service for all its assets that became overdue, one for those that no longer are."""
    overdue = [
        Unsent(
            title=f"{service}: overdue, no month came for too long",
            body=f"{listed(names)}: {_newest(instance, names)}\nLook at the sensors' ticks and at "
            f"TAXI_SOURCE_URL: `taxi-assets doctor` asks the source.\n{_link(ui_url, names)}",
            kind="warning",
        )
        for service, names in _by_service(change.begun).items()
    ]
    fresh = [
        Unsent(
            title=f"{service}: up to date again",
            body=f"{listed(names)}: {_newest(instance, names)}\n{_link(ui_url, names)}",
            kind="success",
        )
        for service, names in _by_service(change.ended).items()
    ]
    return [*overdue, *fresh]


def _by_service(problems: Iterable[Problem]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = defaultdict(list)
    for problem in problems:
        names[subject(problem.name)[0]].append(problem.name)
    return {service: in_order(found) for service, found in sorted(names.items())}


def _list(names: Sequence[str]) -> str:
    return listed(names)


def _newest(instance: DagsterInstance, names: Sequence[str]) -> str:
    """What came last, and when, by the first of the assets."""
    records = instance.fetch_materializations(AssetKey.from_user_string(names[0]), limit=1).records
    if not records:
        return "nothing was ever materialized."
    return f"the last one was {records[0].partition_key or 'made'}, on {moment(records[0].timestamp)}."


def _link(ui_url: str, names: Sequence[str]) -> str:
    return f"{ui_url}/assets/{names[0]}"
