"""What belongs to this code location: one Dagster instance may hold the runs of several."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from dagster import AssetKey, RunRecord, SensorEvaluationContext

from taxi_assets.alerts.events import Told
from taxi_assets.alerts.problems import Board, Problem


@dataclass(frozen=True)
class CodeLocation:
    """This code location, as the sensor sees it.

    Attributes:
        assets: Every asset.
        jobs: Every job's name.
        name: Its own, '' where nobody named it.
    """

    assets: Sequence[AssetKey]
    jobs: frozenset[str]
    name: str

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(key.to_user_string() for key in self.assets)

    @staticmethod
    def of(context: SensorEvaluationContext) -> "CodeLocation":
        """The one that the sensor is in."""
        repository, origin = context.repository_def, context.code_location_origin
        if repository is None:
            return CodeLocation([], frozenset(), "")
        assets = sorted(repository.asset_graph.get_all_asset_keys())
        return CodeLocation(assets, frozenset(repository.job_names), origin.location_name if origin else "")

    def ran(self, record: RunRecord) -> bool:
        """Whether a run may be one of ours; of a run from a terminal only its assets tell."""
        origin = record.dagster_run.remote_job_origin
        return not (origin and self.name) or origin.location_name == self.name

    def knows(self, problem: Problem) -> bool:
        """Whether it is about an asset or a job of ours."""
        if problem.kind == "run":
            return problem.name in self.jobs
        return problem.name.partition(" ")[0] in self._names

    def of_ours(self, told: Told) -> Told:
        """Only what a run told of our assets."""
        return Told(
            {problem: step for problem, step in told.planned.items() if self.knows(problem)},
            {problem for problem in told.made if self.knows(problem)},
            {problem: made for problem, made in told.replaced.items() if self.knows(problem)},
            {check: found for check, found in told.judged.items() if self.knows(check)},
            told.failed_steps,
            told.failure,
        )

    def still(self, board: Board) -> Board:
        """Without the problems of what is no more, as of a target that was switched off."""
        return {problem: standing for problem, standing in board.items() if self.knows(problem)}
