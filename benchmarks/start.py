"""How fast it starts: the code location's import beside Dagster's own, and the demo in an empty home."""

import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.clock import Clock
from benchmarks.command import asked
from benchmarks.isolated import measured
from benchmarks.page import Goal, goals, publish, table
from benchmarks.rounds import PEAKS, Run, Spread, interleaved, peaks_of, ratio, seconds_of

SMALL_ROUNDS, ROUNDS = 5, 15
DEMO_SECONDS = 45
IMPORTS = {"dagster": "`import dagster`", "taxi_assets.definitions": "the code location, built"}


def main() -> None:
    """Measure, and print or write the page's part."""
    with asked(__doc__, 0, 0, SMALL_ROUNDS) as run:
        sides = {name: partial(start_of, name) for name in IMPORTS}
        sides["--help"] = partial(_command, run.directory, "--help")
        start_of("taxi_assets.definitions")  # bytecode and disk are warm afterwards
        results = interleaved(sides, ROUNDS if run.full else run.rounds)
        demo = {"demo": partial(measured, _command, run.directory, "demo")}
        results |= interleaved(demo, run.rounds if run.full else 1)
        publish("start", run, _parts(results))


def start_of(module: str) -> Run:
    """A fresh interpreter that imports a module: its whole life."""
    with tempfile.TemporaryDirectory() as home, Clock() as clock:
        subprocess.run([sys.executable, "-c", f"import {module}"], check=True, env=_environment(home))
    return clock.run()


def _command(directory: Path, argument: str) -> Run:
    """``taxi-assets`` in an empty home."""
    with tempfile.TemporaryDirectory(dir=directory) as home:
        Path(home).chmod(0o755)  # an embedded server that runs as another account must get through
        line = [sys.executable, "-m", "taxi_assets", argument]
        with Clock() as clock:
            subprocess.run(line, check=True, env=_environment(home), stdout=subprocess.DEVNULL)
        return clock.run()


def _environment(home: str) -> dict[str, str]:
    outside = {k: v for k, v in os.environ.items() if not k.startswith(("TAXI_", "DAGSTER_"))}
    return {**outside, "TAXI_HOME": home, "DAGSTER_DISABLE_TELEMETRY": "yes"}


def _parts(results: dict[str, list[Run]]) -> list[str]:
    started = ratio(results["taxi_assets.definitions"], results["dagster"])
    demo = Spread.of(run.seconds for run in results["demo"])
    reached = [
        Goal("import of the code location : `import dagster`", started.text(), started.median, 1.3),
        Goal("`make demo` after the install, seconds", demo.text("{:.1f}"), demo.median, DEMO_SECONDS),
    ]
    lines = [[title, seconds_of(results[name])] for name, title in IMPORTS.items()]
    lines.append(["the help of the command `taxi-assets`", seconds_of(results["--help"])])
    return [
        "### From nothing to something",
        goals(reached),
        table(["a fresh process", "seconds"], lines),
        table(["side", "seconds", *PEAKS], [["demo", demo.text("{:.1f}"), *peaks_of(results["demo"])]]),
    ]


if __name__ == "__main__":
    main()
