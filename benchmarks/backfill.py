"""A backfill of 24 green months through webserver, daemon and queue, against one process."""

import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
from dagster import DagsterRunStatus

from benchmarks.command import asked, say
from benchmarks.page import Goal, goals, publish, table
from benchmarks.rounds import Run, Spread, interleaved, ratio
from taxi_assets_tests.servers.dagster_dev import DagsterDev, dagster_dev

SMALL, FULL, ROUNDS = 5_000, 60_000, 3
FIRST, LAST, MONTHS = "2023-01", "2024-12", 24
CHAIN = [
    f"{stage}/green_trips" for stage in ("raw", "cleaned", "quarantined", "postgres", "lake", "warehouse")
]
GOAL = 3.0


def main() -> None:
    """Measure, and print or write the page's part."""
    with asked(__doc__, SMALL, FULL, ROUNDS) as run:
        source = {"TAXI_SOURCE_URL": f"synthetic?rows={run.rows}&seed=1", "TAXI_POLL_SECONDS": "1800"}
        memory: list[float] = []
        sides = {
            "daemon": partial(_through_the_daemon, run.directory, source, memory),
            "process": partial(_in_one_process, run.directory, source),
        }
        results = interleaved(sides, run.rounds)
        publish("backfill", run, _parts(run.rows, results, max(memory)))


def _parts(rows: int, results: dict[str, list[Run]], held_mb: float) -> list[str]:
    seconds = {name: Spread.of(one.seconds for one in runs).text("{:.1f}") for name, runs in results.items()}
    overhead = ratio(results["daemon"], results["process"])
    reached = [
        Goal(
            f"{MONTHS} green months: through the daemon : one process", overhead.text(), overhead.median, GOAL
        )
    ]
    lines = [
        ["through webserver, daemon and a queue of two", seconds["daemon"], overhead.text()],
        ["`taxi-assets load`, one process", seconds["process"], "1"],
    ]
    return [
        f"### A backfill of {MONTHS} green months of {rows:,} rows\n\n"
        "From the click to the last month in the last store, into empty stores each time.",
        goals(reached),
        table(["side", "seconds", "times one process"], lines),
        f"Dagster and its run, with the embedded Postgres, held {held_mb:,.0f} MB together at most. "
        "The daemon looks for new backfills every 30 s: up to half a minute is waiting.",
    ]


def _through_the_daemon(directory: Path, source: dict[str, str], memory: list[float]) -> Run:
    home = directory / f"daemon-{time.monotonic_ns()}"
    with dagster_dev(home, source) as system:
        months = [f"{2023 + number // 12}-{number % 12 + 1:02d}" for number in range(MONTHS)]
        started = time.perf_counter()
        system.backfill(CHAIN, months)

        def ended() -> bool:
            memory.append(_held_mb(system))
            finished = [one for one in system.runs() if one.is_finished]
            assert all(one.status == DagsterRunStatus.SUCCESS for one in finished), "a run failed"
            return len(finished) == 1  # 24 green months are one run

        system.wait(ended, within=600)
        return Run(time.perf_counter() - started, 0, {})


def _held_mb(system: DagsterDev) -> float:
    """Resident memory of the whole tree, and of the Postgres server below its home."""
    servers = [
        one
        for one in psutil.process_iter(["cmdline", "name"])
        if one.info["name"] == "postgres" and str(system.home) in " ".join(one.info["cmdline"] or [])
    ]
    total = 0
    for process in [*system.tree(), *servers, *(child for server in servers for child in server.children())]:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / 1e6


def _in_one_process(directory: Path, source: dict[str, str]) -> Run:
    home = directory / f"process-{time.monotonic_ns()}"
    environment = DagsterDev(home, source).environment
    command = [sys.executable, "-m", "taxi_assets", "load", "green", FIRST, LAST]
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        say(done.stdout + done.stderr)
        raise SystemExit(1)
    return Run(seconds, 0, {})


if __name__ == "__main__":
    main()
