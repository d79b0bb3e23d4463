"""Four services at once on one machine: runs, pools and memory keep their limits, new months go first."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Event

import psutil
import pytest
from dagster import DagsterEventType, DagsterRun, DagsterRunStatus, RunsFilter

from taxi_assets.assets.common import monthly_partitions
from taxi_assets.tlc.services import SERVICES
from taxi_assets_tests.assets.graph import TARGETS, Graph, months
from taxi_assets_tests.daemon.published import PublishedMonths
from taxi_assets_tests.servers.dagster_dev import DagsterDev

pytestmark = pytest.mark.slow

KEYS = months("2023-01", "2023-03")
STAGES = ("raw", "cleaned", "quarantined", *TARGETS)
MACHINE_MB = 8000
NEWEST = monthly_partitions(SERVICES["green"]).get_partition_keys()[-1]
_WORKING = (DagsterRunStatus.STARTING, DagsterRunStatus.STARTED)


@pytest.fixture(scope="module")
def settings(tlc: PublishedMonths) -> dict[str, str]:
    """A month a run, so that many runs want to go on at once."""
    sizes = ",".join(f"{name}=1" for name in SERVICES)
    return {"TAXI_SOURCE_URL": tlc.cdn.trip_data, "TAXI_MONTHS_PER_RUN": sizes, "TAXI_WATCH_FROM": NEWEST}


class Watched:
    """The most runs that were at work, and the most memory that all processes held; in a thread."""

    def __init__(self, system: DagsterDev) -> None:
        self._system = system
        self._over = Event()
        self.runs = 0
        self.megabytes = 0.0

    def __enter__(self) -> "Watched":
        self._pool = ThreadPoolExecutor(1)
        self._watching = self._pool.submit(self._watch)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watching.result()
        self._pool.shutdown()

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            self.runs = max(self.runs, len(self._system.runs(*_WORKING)))
            self.megabytes = max(self.megabytes, sum(_resident(self._system)))


def _resident(system: DagsterDev) -> Iterator[float]:
    """Megabytes of every process of the system, its Postgres server's among them."""
    home = str(system.home)
    everything = list(psutil.process_iter(["pid", "ppid", "cmdline", "memory_info"]))
    servers = {one.info["pid"] for one in everything if home in " ".join(one.info["cmdline"] or [])}
    ours = servers | {process.pid for process in system.tree()}
    for one in everything:
        if {one.info["pid"], one.info["ppid"]} & ours and one.info["memory_info"]:
            yield one.info["memory_info"].rss / 1e6


def steps(system: DagsterDev, runs: list[DagsterRun]) -> dict[str, list[tuple[float, float]]]:
    """When the steps of each pool began and ended."""
    pools: dict[str, list[tuple[float, float]]] = {}
    for run in runs:
        began: dict[str, float] = {}
        with system.instance() as instance:
            entries = instance.all_logs(run.run_id)
        for entry in entries:
            kind, step = entry.dagster_event_type, str(entry.step_key)
            if kind == DagsterEventType.STEP_START:
                began[step] = entry.timestamp
            if kind == DagsterEventType.STEP_SUCCESS and (pool := _pool(step)):
                pools.setdefault(pool, []).append((began[step], entry.timestamp))
    return pools


def _pool(step: str) -> str | None:
    """The pool of an asset's step, by its name; checks have none, and green months are no burden."""
    if step.startswith("clean_"):
        return None if "green" in step else "heavy_months"
    stage, _, rest = step.partition("__")
    if rest not in {f"{name}_trips" for name in SERVICES}:
        return None
    return "source" if stage == "raw" else stage


def finished(system: DagsterDev, backfills: Sequence[str]) -> list[DagsterRun]:
    """Successful runs of the backfills, without those of what follows the months by itself."""
    done = system.runs(DagsterRunStatus.SUCCESS)
    return [run for run in done if run.tags.get("dagster/backfill") in backfills]


def test_a_backfill_of_four_services_stays_inside_every_limit_and_ends_whole(
    system: DagsterDev, stores: Graph, tlc: PublishedMonths
) -> None:
    for name in SERVICES:
        tlc.publish(name, *KEYS, rows=40_000)
    with Watched(system) as watched:
        ours = [system.backfill([f"{stage}/{name}_trips" for stage in STAGES], KEYS) for name in SERVICES]
        total = len(SERVICES) * len(KEYS)
        system.wait(lambda: len(finished(system, ours)) == total, within=500)
    assert watched.runs <= 2
    assert watched.megabytes < MACHINE_MB
    pools = steps(system, finished(system, ours))
    assert set(pools) == {"source", "heavy_months", *TARGETS}
    for pool, spans in pools.items():
        for (_, end), (begin, _) in pairwise(sorted(spans)):
            assert begin >= end - 0.05, f"two steps at once in the pool {pool}"
    for name in SERVICES:
        cleaned = {month: stores.lake_rows("cleaned", name, month).total() for month in KEYS}
        assert stores.counts(name) == dict.fromkeys(TARGETS, cleaned)


def test_a_new_month_goes_before_the_rest_of_a_backfill(system: DagsterDev, tlc: PublishedMonths) -> None:
    old = months("2016-01", "2017-12")
    tlc.publish("green", *old)
    backfill = system.backfill([f"{stage}/green_trips" for stage in STAGES], old)
    system.wait(lambda: len(system.runs(DagsterRunStatus.QUEUED, **{"dagster/backfill": backfill})) >= 8, 240)
    tlc.publish("green", NEWEST)
    system.wait(lambda: system.runs(DagsterRunStatus.SUCCESS, **{"dagster/partition": NEWEST}), within=120)
    with system.instance() as instance:
        (new,) = instance.get_run_records(RunsFilter(tags={"dagster/partition": NEWEST}))
        others = instance.get_run_records(RunsFilter(tags={"dagster/backfill": backfill}))
    assert new.dagster_run.tags["dagster/priority"] == "10"
    overtaken = [
        one
        for one in others
        if one.create_timestamp < new.create_timestamp
        and (one.start_time is None or one.start_time > (new.start_time or 0))
    ]
    assert overtaken, "runs of the backfill that waited before it still wait, or began after it"
