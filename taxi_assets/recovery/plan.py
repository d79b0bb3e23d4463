"""Which runs mend what a comparison found: those months alone, each from its nearest intact upstream."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dagster import RunRequest

from taxi_assets.assets.common import trips_key
from taxi_assets.jobs import trips_job_name
from taxi_assets.recovery.difference import Comparison, Difference, Kind
from taxi_assets.run_tags import AHEAD_OF_BACKFILLS, range_tags
from taxi_assets.settings import Settings
from taxi_assets.tlc.services import SERVICES, Service, ServiceName, month_key, next_month, parse_month

ONE_PASS = ("cleaned", "quarantined")
"""Come out of one pass over raw, so mending one writes the other too, with the same rows."""


@dataclass(frozen=True)
class Repair:
    """One run.

    Attributes:
        service: Whose trips.
        stages: What it materializes, upstream first.
        months: Over which months, all that lie between the first and the last.
        mends: The differences that it is for.
        landed: Whether the raw files come from where people put them, and not from the publisher.
    """

    service: ServiceName
    stages: tuple[str, ...]
    months: tuple[str, ...]
    mends: tuple[Difference, ...]
    landed: bool = False

    def request(self, comparison: str) -> RunRequest:
        """The run as Dagster is asked for it; asked twice for one comparison, it runs once."""
        first, last = self.months[0], self.months[-1]
        service = SERVICES[self.service]
        raw = "__".join(trips_key("raw", service).path)
        return RunRequest(
            run_key=f"{comparison}:{self.service}:{'+'.join(self.stages)}:{first}",
            job_name=trips_job_name(service),
            asset_selection=[trips_key(stage, service) for stage in self.stages],
            partition_key=first if first == last else None,
            run_config={"ops": {raw: {"config": {"origin": "landing"}}}} if self.landed else {},
            tags=AHEAD_OF_BACKFILLS if first == last else {**AHEAD_OF_BACKFILLS, **range_tags(first, last)},
        )


def plan(
    comparison: Comparison, settings: Settings, left: Collection[tuple[str, str, str]] = ()
) -> list[Repair]:
    """The runs that mend everything that can be mended now.

    Args:
        comparison: What was found.
        settings: Most months in a run.
        left: Service, stage and month of differences that are not to be mended, nor what depends on them.
    """
    found: dict[tuple[ServiceName, str], dict[str, Difference]] = {}
    for one in comparison.differences:
        if one.kind != Kind.UNRECORDED:
            found.setdefault((one.service, one.month), {})[one.stage] = one
    groups: dict[tuple[ServiceName, tuple[str, ...], bool], dict[str, tuple[Difference, ...]]] = {}
    for (service, month), wrong in found.items():
        shut = {stage for stage in wrong if (service, stage, month) in left}
        silent = (table.split("/") for table in comparison.unanswered)
        shut |= {stage for name, stage in silent if name == service}
        for stages in _runs(wrong, shut, settings):
            mended = tuple(wrong[stage] for stage in stages if stage in wrong)
            landed = any(one.landed for one in mended)
            groups.setdefault((service, stages, landed), {})[month] = mended
    return [
        Repair(service, stages, months, tuple(one for month in months for one in mended[month]), landed)
        for (service, stages, landed), mended in sorted(groups.items(), key=_upstream_first)
        for months in _ranges(SERVICES[service], mended, settings)
    ]


def _runs(wrong: Mapping[str, Difference], shut: set[str], settings: Settings) -> Iterator[tuple[str, ...]]:
    """Sets of stages that mend one month, each a run of its own.

    A target alone comes out of cleaned, cleaned and quarantined out of raw, raw from the source. What has to
    wait for its upstream in the same run is one set with it.
    """
    targets = [target for target in settings.targets if target in wrong and target not in shut]
    cleaning = any(stage in wrong for stage in ONE_PASS)
    if "raw" in wrong and not cleaning and "raw" not in shut:
        yield ("raw",)
    if not cleaning:
        if "cleaned" not in shut:
            yield from ((target,) for target in targets)
    elif not shut & {"raw", *ONE_PASS}:
        yield (*(["raw"] if "raw" in wrong else []), *ONE_PASS, *targets)


def _ranges(service: Service, months: Collection[str], settings: Settings) -> Iterator[tuple[str, ...]]:
    """Months without a gap, as many as a run of the service takes."""
    most = settings.months_per_run.get(service.name, service.months_per_run)
    current: list[str] = []
    for month in sorted(months):
        if current and (len(current) == most or month != month_key(next_month(parse_month(current[-1])))):
            yield tuple(current)
            current = []
        current.append(month)
    if current:
        yield tuple(current)


def _upstream_first(
    group: tuple[tuple[ServiceName, tuple[str, ...], bool], object],
) -> tuple[Sequence[bool], str]:
    (service, stages, _), _ = group
    return ("raw" not in stages, "cleaned" not in stages), service
