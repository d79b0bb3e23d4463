"""Compare, look with the sensor, and run what it asks for, as Dagster's daemon would."""

from collections.abc import Sequence
from dataclasses import dataclass

from dagster import (
    AssetCheckEvaluation,
    ExecuteInProcessResult,
    RunRequest,
    build_sensor_context,
)
from dagster._core.definitions.sensor_definition import SensorExecutionData

from taxi_assets.recovery.compared import newest_comparison
from taxi_assets.recovery.difference import Comparison
from taxi_assets.recovery.reconciliation import RECONCILIATION
from taxi_assets_tests.assets.graph import Graph, materializations, months

RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def reconcile(graph: Graph) -> tuple[Comparison, AssetCheckEvaluation]:
    """Run the job, and return what it recorded for the sensor, and its check's verdict."""
    job = graph.definitions.resolve_job_def("reconcile")
    result = job.execute_in_process(instance=graph.instance, raise_on_error=False)
    (evaluation,) = [one for one in result.get_asset_check_evaluations() if one.asset_key == RECONCILIATION]
    newest = newest_comparison(graph.instance)
    assert newest
    return newest.found, evaluation


def found(comparison: Comparison) -> set[tuple[str, str, str, str]]:
    """Service, stage, month and kind of every difference."""
    return {(one.service, one.stage, one.month, one.kind.value) for one in comparison.differences}


@dataclass
class Healer:
    """The sensor with its cursor, over a graph."""

    graph: Graph
    cursor: str | None = None

    def look(self) -> Sequence[RunRequest]:
        """One tick; its requests are not run."""
        return self.tick().run_requests or []

    def tick(self) -> SensorExecutionData:
        """One tick, with all that it says."""
        definitions = self.graph.definitions
        resources = {name: (definitions.resources or {})[name] for name in ("alerts", "landing")}
        with build_sensor_context(
            instance=self.graph.instance, cursor=self.cursor, definitions=definitions, resources=resources
        ) as context:
            data = definitions.resolve_sensor_def("heal").evaluate_tick(context)
        self.cursor = data.cursor
        return data

    def heal(self) -> list["Healed"]:
        """Look and run until nothing more is asked for."""
        done: list[Healed] = []
        while requests := self.look():
            done += [run(self.graph, one) for one in requests]
        return done


@dataclass(frozen=True)
class Healed:
    """A run that was asked for."""

    request: RunRequest
    result: ExecuteInProcessResult

    @property
    def what(self) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        """Job, stages and months."""
        return asked(self.request)

    @property
    def materialized(self) -> set[tuple[str, str]]:
        """Stage and month of what it really materialized."""
        return {(stage, month) for stage in self.what[1] for month in materializations(self.result, stage)}


def asked(request: RunRequest) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Job, stages and months of a request."""
    assert request.job_name
    assert request.asset_selection
    first, last = (request.tags.get(tag) for tag in RANGE)
    over = [request.partition_key] if request.partition_key else months(first or "", last or "")
    return request.job_name, tuple(key.path[0] for key in request.asset_selection), tuple(over)


def run(graph: Graph, request: RunRequest) -> Healed:
    """Run a request in this process, with its job, selection, partition and tags."""
    job = graph.definitions.resolve_job_def(str(request.job_name))
    result = job.execute_in_process(
        instance=graph.instance,
        run_config=request.run_config,
        partition_key=request.partition_key,
        tags=dict(request.tags),
        asset_selection=list(request.asset_selection or []),
        raise_on_error=False,
    )
    return Healed(request, result)
