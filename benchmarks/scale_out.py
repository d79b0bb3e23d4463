"""A backfill of green months over two workers, against the same with one of them.

Both sides share broker, stores, UI and daemon; the worker that has to rest is told by Celery to take no runs.
Needs Linux, root, and Debian's redis-server.
"""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

from dagster import DagsterRunStatus, RunsFilter

from benchmarks.command import asked
from benchmarks.page import publish, table
from benchmarks.rounds import Run, Spread, interleaved, ratio
from taxi_assets.tlc.services import SERVICES, month_key, next_month
from taxi_assets_tests.scale.cluster import Cluster, cluster

SMALL, FULL, ROUNDS = 5_000, 60_000, 3
MONTHS, MONTHS_PER_RUN = 12, 2
CHAIN = [
    f"{stage}/green_trips" for stage in ("raw", "cleaned", "quarantined", "postgres", "lake", "warehouse")
]
_QUEUE = "dagster"
_WITHIN = 1800


def main() -> None:
    """Measure, and print or write the page's part."""
    with asked(__doc__, SMALL, FULL, ROUNDS) as run, ExitStack() as stack:
        running = stack.enter_context(
            cluster(run.directory, 2, TAXI_MONTHS_PER_RUN=f"green={MONTHS_PER_RUN}")
        )
        for number in (1, 2):
            running.start_worker(number)
        month, keys = SERVICES["green"].first_month, []
        for _ in range(MONTHS * 2 * run.rounds):
            keys.append(month_key(month))
            month = next_month(month)
        running.publish(keys, run.rows)
        turns = iter([keys[start : start + MONTHS] for start in range(0, len(keys), MONTHS)])
        sides = {
            "one": partial(_turn, running, turns, workers=1),
            "two": partial(_turn, running, turns, workers=2),
        }
        publish("scale_out", run, _parts(run.rows, interleaved(sides, run.rounds)))


def _turn(running: Cluster, turns: Iterator[list[str]], workers: int) -> Run:
    """Months that nobody has loaded yet: from the first run's start to the last one's end."""
    tell = running.celery.control.add_consumer if workers == 2 else running.celery.control.cancel_consumer
    tell(_QUEUE, destination=[running.workers[2].name], reply=True)
    months = next(turns)
    backfill = running.system.backfill(CHAIN, months)
    runs = RunsFilter(tags={"dagster/backfill": backfill})

    def spent() -> float | None:
        with running.system.instance() as instance:
            records = instance.get_run_records(runs)
        states = [record.dagster_run.status for record in records]
        assert DagsterRunStatus.FAILURE not in states, "a run failed"
        if states.count(DagsterRunStatus.SUCCESS) < MONTHS // MONTHS_PER_RUN:
            return None
        begun = min(record.start_time or time.time() for record in records)
        return max(record.end_time or 0 for record in records) - begun

    return Run(running.system.wait(spent, within=_WITHIN) or 0, 0, {})


def _parts(rows: int, results: dict[str, list[Run]]) -> list[str]:
    seconds = {name: Spread.of(one.seconds for one in runs).text("{:.1f}") for name, runs in results.items()}
    lines = [
        ["one worker", seconds["one"], "1"],
        ["two workers", seconds["two"], ratio(results["one"], results["two"]).text()],
    ]
    return [
        f"### {MONTHS} green months of {rows:,} rows over workers of one run each\n\n"
        f"{MONTHS_PER_RUN} months a run, into Postgres, an emulated Cloud Storage and an emulated BigQuery. "
        f"Workers, stores, broker, UI and daemon share the {os.cpu_count()} cores of one machine: the second "
        "worker finds only what the first and the stores leave.",
        table(["side", "seconds", "throughput of one worker"], lines),
    ]


if __name__ == "__main__":
    main()
