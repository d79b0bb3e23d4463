"""Services of which no new month has come for too long, as Dagster's freshness policies judge it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from dagster import AssetKey, DagsterInstance
from dagster._core.definitions.freshness import FreshnessState  # no public name; what the records hold

from taxi_assets.alerts.messages import named
from taxi_assets.alerts.outbox import Unsent
from taxi_assets.alerts.problems import Change, Outcome, Problem
from taxi_assets.words import in_order, moment, subject


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
    look = "Look at the ticks of the sensors, and ask the source: `taxi-assets doctor`."
    overdue = [
        Unsent(
            title=f"{service}: overdue, no month came for too long",
            body="\n".join([_newest(instance, assets), look, _link(ui_url, assets)]),
            kind="warning",
        )
        for service, assets in _by_service(change.begun)
    ]
    fresh = [
        Unsent(
            title=f"{service}: up to date again",
            body="\n".join([_newest(instance, assets), _link(ui_url, assets)]),
            kind="success",
        )
        for service, assets in _by_service(change.ended)
    ]
    return [*overdue, *fresh]


def _by_service(problems: Iterable[Problem]) -> list[tuple[str, list[Problem]]]:
    found: dict[str, dict[str, Problem]] = defaultdict(dict)
    for problem in problems:
        found[subject(problem.name)[0]][problem.name] = problem
    return [
        (service, [assets[name] for name in in_order(assets)]) for service, assets in sorted(found.items())
    ]


def _newest(instance: DagsterInstance, assets: Sequence[Problem]) -> str:
    """What came last, and when, by the first of the assets."""
    records = instance.fetch_materializations(AssetKey.from_user_string(assets[0].name), limit=1).records
    if not records:
        return f"{named(assets)}: nothing was ever materialized."
    newest, when = records[0].partition_key or "made", moment(records[0].timestamp)
    return f"{named(assets)}: the last one was {newest}, on {when}."


def _link(ui_url: str, assets: Sequence[Problem]) -> str:
    return f"{ui_url}/assets/{assets[0].name}"
