"""A yellow month from published file to three stores: ours, the course's way, a script, and the limit."""

from functools import partial

from benchmarks import postgres_sides
from benchmarks import whole_sides as sides
from benchmarks.command import Asked, asked, say
from benchmarks.isolated import measured
from benchmarks.months import MONTH, clean_month, write_raw
from benchmarks.page import Goal, goals, publish, table
from benchmarks.rounds import LARGEST_MB, PEAKS, Run, Spread, interleaved, peaks_of, ratio, seconds_of
from benchmarks.server import Server, postgres
from benchmarks.start import start_of

SMALL, FULL, ROUNDS = 200_000, 3_000_000, 5

TITLES = {
    "ours": "Dagster in one process: the service's job",
    "course": "the course's way: pandas, CSV + COPY",
    "script": "shell script: DuckDB, `psql \\copy` of CSV",
    "limit": "the limit: decode, `\\copy` of prepared binary, 2 indexes",
}


def main() -> None:
    """Measure, and print or write the page's part."""
    with asked(__doc__, SMALL, FULL, ROUNDS) as run:
        raw = write_raw(run.data, "yellow", run.rows)
        lake = str(run.directory / "lake")
        clean_month(raw, "yellow", lake)
        with postgres(run.directory) as server:
            prepared = postgres_sides.Place(lake, server.url, run.directory / "rows.bin")
            postgres_sides.prepare(prepared)
            say("a prepared file for psql is there")
            month = sides.Month(raw, "yellow", MONTH, server.url, run.directory)
            results = _measure(run, month, prepared, server)
        publish("whole_month", run, _parts(run.rows, results))


def _measure(
    run: Asked, month: sides.Month, prepared: postgres_sides.Place, server: Server
) -> dict[str, list[Run]]:
    return interleaved(
        {
            "ours": partial(measured, sides.ours, month, server=server.home),
            "course": partial(measured, sides.course, month, server=server.home),
            "script": partial(measured, sides.script, month, server=server.home),
            "limit": partial(measured, sides.limit, month, prepared, server=server.home),
            "drained": partial(measured, sides.drained, month),
            "start": partial(start_of, ", ".join(("taxi_assets.definitions", *sides.LOADED_LATER))),
        },
        run.rounds,
    )


def _parts(rows: int, results: dict[str, list[Run]]) -> list[str]:
    ours = results["ours"]
    course, script = ratio(results["course"], ours), ratio(results["script"], ours)
    limit = ratio(ours, results["limit"])
    largest = max(one.largest_mb for one in ours)
    reached = [
        Goal("whole month: the course's way : ours", course.text(), course.median, 8, at_least=True),
        Goal("whole month: script : ours", script.text(), script.median, 1, at_least=True),
        Goal("whole month: ours : the limit", limit.text(), limit.median, 1.5),
        Goal("whole month: largest process, MB", f"{largest:.0f}", largest, LARGEST_MB),
    ]
    told = [
        [title, seconds_of(results[name]), *peaks_of(results[name]), f"{results[name][0].rows:,}"]
        for name, title in TITLES.items()
    ]
    return [
        f"### The whole month: {rows:,} published yellow rows into three stores",
        goals(reached),
        table(["side", "seconds", *PEAKS, "rows"], told),
        "Start of a process that loads the code location and what a run imports later: "
        f"{seconds_of(results['start'])} s, not counted above. "
        f"Of ours, the pass of cleaning alone, its rows thrown away: {seconds_of(results['drained'])} s.",
        table(["where ours goes", "seconds", "share"], _profile(ours)),
        _others(results),
    ]


def _profile(runs: list[Run]) -> list[list[str]]:
    """The median of each phase, the most expensive first; all checks together."""
    lines = {name: Spread.of(run.phases.get(name, 0) for run in runs).median for name in runs[-1].phases}
    whole = Spread.of(run.seconds for run in runs).median
    checks = [name for name in lines if name.startswith("check ")]
    told = {name: seconds for name, seconds in lines.items() if name not in checks}
    told[f"{len(checks)} steps of checks"] = sum(lines[name] for name in checks)
    told["outside the run: its start and its end"] = whole - sum(lines.values())
    ordered = sorted(told.items(), key=lambda one: -one[1])
    return [[name, f"{seconds:.2f}", f"{seconds / whole:.0%}"] for name, seconds in ordered]


def _others(results: dict[str, list[Run]]) -> str:
    """Where the others' seconds go."""
    told = []
    for name in ("course", "limit"):
        last = results[name][-1].phases
        told.append(f"{name}: " + ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in last.items()))
    return "The last round of the others: " + "; ".join(told) + "."


if __name__ == "__main__":
    main()
