"""What a run that ended says about every asset's months and every check."""

from collections import defaultdict

from dagster import (
    AssetCheckSeverity,
    AssetKey,
    AssetRecordsFilter,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
)

from taxi_assets.alerts.ended_runs import EndedRun, end_of
from taxi_assets.alerts.events import Told
from taxi_assets.alerts.problems import Outcome, Problem
from taxi_assets.run_tags import months_of


def outcome_of(instance: DagsterInstance, ended: EndedRun, told: Told) -> Outcome:
    """What an ended run says; of one that will be retried, only what it did well."""
    run = ended.record.dagster_run
    failed, skipped = _wrong(run, told) if ended.final else ({}, set())
    if ended.late:
        mended = _made_since(instance, {*failed, *skipped}, end_of(ended.record))
        failed = {problem: why for problem, why in failed.items() if problem not in mended}
        skipped -= mended
    return Outcome(
        run.run_id, end_of(ended.record), failed, frozenset(skipped), frozenset(_good(ended, told))
    )


def _run(run: DagsterRun) -> Problem:
    return Problem("run", run.job_name, months_of(run))


def _good(ended: EndedRun, told: Told) -> set[Problem]:
    """What the run made or found to be right; of a late one that is long known."""
    if ended.late:
        return set()
    run = ended.record.dagster_run
    passed = {check for check, found in told.judged.items() if found.passed}
    whole = {_run(run)} if run.status == DagsterRunStatus.SUCCESS else set()
    return told.made | passed | whole


def _wrong(run: DagsterRun, told: Told) -> tuple[dict[Problem, str], set[Problem]]:
    """What failed in the run and why, and what was not reached because of it."""
    failed = {
        check: found.description or "did not pass"
        for check, found in told.judged.items()
        if not found.passed and found.severity == AssetCheckSeverity.ERROR
    }
    if run.status != DagsterRunStatus.FAILURE:
        return failed, set()
    judged = {check.name for check in told.judged}
    missing = {
        problem: step
        for problem, step in told.planned.items()
        if problem not in told.made and not (problem.kind == "check" and problem.name in judged)
    }
    failed |= {
        problem: told.failed_steps[step] for problem, step in missing.items() if step in told.failed_steps
    }
    unreached = {problem for problem in missing if problem.kind == "asset" and problem not in failed}
    if failed:
        return failed, unreached
    if told.failed_steps:  # of no asset and no check, or of one that was already recorded
        return {_run(run): "; ".join(told.failed_steps.values())}, unreached
    # It could not start, or its process died: what it was to make is missing, all of it alike.
    return dict.fromkeys(unreached or {_run(run)}, told.failure), set()


def _made_since(instance: DagsterInstance, problems: set[Problem], after: float) -> set[Problem]:
    """Which of the assets' months another run has materialized since."""
    months: dict[str, list[str]] = defaultdict(list)
    for problem in problems:
        if problem.kind == "asset":
            months[problem.name].append(problem.month)
    found: set[Problem] = set()
    for name, wanted in months.items():
        since = AssetRecordsFilter(
            AssetKey.from_user_string(name),
            asset_partitions=[month for month in wanted if month] or None,
            after_timestamp=after,
        )
        records = instance.fetch_materializations(since, limit=1000).records
        found |= {Problem("asset", name, record.partition_key or "") for record in records}
    return found
