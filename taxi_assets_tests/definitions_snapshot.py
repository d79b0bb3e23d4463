"""Writes down the whole code location as one text that people review: what a change adds, moves, takes away.

    python -m taxi_assets_tests.definitions_snapshot

rewrites ``definitions_snapshot.txt``; a test compares the two, so that no asset changes its partitions, no
check stops blocking and no sensor is switched on without a line in the diff. It is made of the default
settings and a day that never changes, whatever the environment and the clock say.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

from dagster import (
    AssetCheckKey,
    AssetKey,
    AssetSelection,
    AutomationCondition,
    FreshnessPolicy,
    JobDefinition,
    PartitionsDefinition,
    RepositoryDefinition,
    ScheduleDefinition,
    SensorDefinition,
    TableSchema,
    TimeWindowPartitionsDefinition,
    partition_loading_context,
)
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph, AssetNode
from dagster._core.definitions.freshness import TimeWindowFreshnessPolicy
from dagster._core.definitions.utils import DEFAULT_IO_MANAGER_KEY

from taxi_assets.code_location import build_definitions
from taxi_assets.settings import Settings

PAGE = Path(__file__).with_name("definitions_snapshot.txt")
COMMAND = "make snapshot"
TODAY = datetime(2026, 1, 15, 12, tzinfo=UTC)

_HEAD = f"""\
The code location under the default settings, as {TODAY:%Y-%m-%d} sees it.
Rewrite with `{COMMAND}`, and read the diff."""


def snapshot() -> str:
    """The whole text."""
    definitions = build_definitions(Settings.from_environment({"TAXI_HOME": "/nowhere"}))
    with partition_loading_context(effective_dt=TODAY):
        blocks = _blocks(definitions.get_repository_def())
        return "\n\n".join([_HEAD, *map("\n".join, blocks)]) + "\n"


def main() -> None:
    """Rewrite the file."""
    PAGE.write_text(snapshot(), encoding="utf-8")


def _blocks(repository: RepositoryDefinition) -> Iterator[Sequence[str]]:
    graph = repository.asset_graph
    for key in sorted(graph.get_all_asset_keys()):
        yield list(_asset(graph, graph.get(key)))
    for label, condition in sorted(_conditions(graph).items()):
        yield [f"condition {label}", *(line for one in condition.children for line in _expression(one, 1))]
    for job in sorted(repository.get_all_jobs(), key=attrgetter("name")):
        if not job.name.startswith("__"):  # Dagster's own
            yield list(_job(job))
    for sensor in sorted(repository.sensor_defs, key=attrgetter("name")):
        yield list(_sensor(graph, sensor))
    for schedule in sorted(repository.schedule_defs, key=attrgetter("name")):
        yield list(_schedule(schedule))
    resources = repository.get_top_level_resources()
    yield ["resources", *(f"  {name}" for name in sorted(resources))]


def _asset(graph: AssetGraph, node: AssetNode) -> Iterator[str]:
    yield f"asset {_name(node.key)}"
    yield f"  group: {node.group_name}"
    yield from _line("kinds", sorted(node.kinds))
    yield from _line("owners", node.owners)
    yield from _line("after", sorted(map(_name, node.parent_keys)))
    for parent, mapping in sorted(node.partition_mappings.items()):
        yield f"  months of {_name(parent)}: {mapping}"
    yield from _line("partitions", _partitions(node.partitions_def))
    if node.backfill_policy:
        yield f"  most partitions in a run: {node.backfill_policy.max_partitions_per_run}"
    yield f"  code version: {node.code_version}"
    yield from _line("pools", sorted(node.pools or []))
    if node.io_manager_key != DEFAULT_IO_MANAGER_KEY:  # of assets that store nothing
        yield f"  stored by: {node.io_manager_key}"
    yield from _line("columns", _columns(node))
    yield from _line("fresh", _freshness(node.freshness_policy))
    if condition := node.automation_condition:
        yield f"  automation: {_label(condition)}"
    for check in sorted(node.check_keys):
        yield from _check(graph, check)


def _check(graph: AssetGraph, key: AssetCheckKey) -> Iterator[str]:
    node = graph.get(key)
    yield f"  check {key.name}{', blocking' if node.blocking else ''}"
    if node.partitions_def != graph.get(key.asset_key).partitions_def:
        yield f"    partitions: {', '.join(_partitions(node.partitions_def)) or 'none'}"
    if condition := node.automation_condition:
        yield f"    automation: {_label(condition)}"


def _partitions(partitions: PartitionsDefinition | None) -> list[str]:
    if partitions is None:
        return []
    keys = partitions.get_partition_keys()
    said = [f"{keys[0]} to {keys[-1]}"]
    if isinstance(partitions, TimeWindowPartitionsDefinition) and partitions.schedule_type:
        said = [f"{partitions.schedule_type.value.lower()} as {partitions.fmt}", *said]
        said += [f"ends {-partitions.end_offset} early"] if partitions.end_offset else []
    return said


def _columns(node: AssetNode) -> list[str]:
    schema = node.metadata.get("dagster/column_schema")
    return [str(len(schema.columns))] if isinstance(schema, TableSchema) else []


def _freshness(policy: FreshnessPolicy | None) -> list[str]:
    if policy is None:
        return []
    if not isinstance(policy, TimeWindowFreshnessPolicy):
        return [type(policy).__name__]
    warns, fails = policy.warn_window, policy.fail_window.to_timedelta()
    return [
        *([f"warns after {warns.to_timedelta().days} days"] if warns else []),
        f"fails after {fails.days}",
    ]


def _conditions(graph: AssetGraph) -> dict[str, AutomationCondition[Any]]:
    """Every condition by its label; two different ones under one label could not be told apart."""
    nodes = [*graph.asset_nodes, *(graph.get(key) for key in graph.asset_check_keys)]
    found: dict[str, AutomationCondition[Any]] = {}
    for condition in filter(None, map(attrgetter("automation_condition"), nodes)):
        label = _label(condition)
        if found.setdefault(label, condition) != condition:
            raise ValueError(f"two conditions are labelled {label!r}")
    return found


def _label(condition: AutomationCondition[Any]) -> str:
    return condition.get_label() or condition.name


def _expression(condition: AutomationCondition[Any], depth: int) -> Iterator[str]:
    yield "  " * depth + _label(condition)
    for child in condition.children:
        yield from _expression(child, depth + 1)


def _job(job: JobDefinition) -> Iterator[str]:
    layer = job.asset_layer
    yield f"job {job.name}"
    yield from _line("partitions", _partitions(job.partitions_def))
    yield f"  executor: {job.executor_def.name}"
    for key in sorted(layer.selected_asset_keys):
        yield f"  makes {_name(key)}"
    for check in sorted(layer.asset_graph.asset_check_keys):
        yield f"  checks {_name(check.asset_key)} {check.name}"


def _sensor(graph: AssetGraph, sensor: SensorDefinition) -> Iterator[str]:
    yield f"sensor {sensor.name}"
    yield f"  by default: {sensor.default_status.value.lower()}"
    yield f"  every: {sensor.minimum_interval_seconds} s"
    yield from _line("runs", sorted(target.job_name for target in sensor.targets))
    if isinstance(sensor.asset_selection, AssetSelection):
        for key in sorted(sensor.asset_selection.resolve(graph)):
            yield f"  looks at {_name(key)}"


def _schedule(schedule: ScheduleDefinition) -> Iterator[str]:
    yield f"schedule {schedule.name}"
    yield f"  by default: {schedule.default_status.value.lower()}"
    yield f"  at: {schedule.cron_schedule} ({schedule.execution_timezone})"
    yield f"  runs: {schedule.job_name}"


def _line(name: str, said: Iterable[str]) -> Iterator[str]:
    if told := ", ".join(said):
        yield f"  {name}: {told}"


_name: Callable[[AssetKey], str] = AssetKey.to_user_string


if __name__ == "__main__":
    main()
