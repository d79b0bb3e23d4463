"""A service of three assets in a row that fail where they are told to: runs of 50 ms, for many of them."""

from dataclasses import dataclass, field

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    Definitions,
    Failure,
    MonthlyPartitionsDefinition,
    asset,
    define_asset_job,
    in_process_executor,
)

STAGES = ("raw", "cleaned", "postgres")
MONTHS = ("2024-01", "2024-02", "2024-03")
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


@dataclass
class Scripted:
    """A code location and what its assets are to do.

    Attributes:
        instance: Where its runs are recorded.
        broken: The stages that fail.
        reason: What they say.
    """

    instance: DagsterInstance
    broken: set[str] = field(default_factory=set)
    reason: str = "the disk is full"

    def __post_init__(self) -> None:
        """Make the definitions once: that takes longer than a run."""
        self.definitions = Definitions(
            assets=[
                self._asset(stage, before) for stage, before in zip(STAGES, (None, *STAGES), strict=False)
            ],
            jobs=[define_asset_job("green_trips", "*")],
            executor=in_process_executor,
        )
        self._job = self.definitions.resolve_job_def("green_trips")

    def run(self, first: str, last: str | None = None, **tags: str) -> DagsterRun:
        """Run the job over a month or a range of months; ``tags`` are Dagster's own, without ``dagster/``."""
        given = {f"dagster/{name}": value for name, value in tags.items()}
        ranged = dict(zip(RANGE, (first, last), strict=True)) if last else {}
        result = self._job.execute_in_process(
            instance=self.instance,
            partition_key=None if last else first,
            tags={**given, **ranged},
            raise_on_error=False,
        )
        found = self.instance.get_run_by_id(result.run_id)
        assert found
        return found

    def kill(self, month: str, at: float) -> None:
        """A run whose process died, as the daemon marks it, at a time of our choice."""
        run = self.planned(month)
        event = DagsterEvent(DagsterEventType.RUN_FAILURE.value, run.job_name, message="It died.")
        self.instance.report_dagster_event(event, run.run_id, timestamp=at)

    def planned(self, month: str) -> DagsterRun:
        """A run that was created and has not begun."""
        tags = {"dagster/partition": month}
        return self.instance.create_run_for_job(self._job, tags=tags)

    def _asset(self, stage: str, before: str | None) -> AssetsDefinition:
        @asset(
            key=[stage, "green_trips"],
            deps=[AssetKey([before, "green_trips"])] if before else [],
            partitions_def=MonthlyPartitionsDefinition(start_date="2024-01", fmt="%Y-%m"),
        )
        def made(context: AssetExecutionContext) -> None:
            if stage in self.broken:
                raise Failure(self.reason, allow_retries=False)

        return made
