"""What kept connections to Dagster's history are worth: one run over small months, by two storages."""

from functools import partial
from importlib.resources import files

import yaml

from benchmarks.command import asked
from benchmarks.growth_months import TINY_ROWS, published_months, through_dagster
from benchmarks.isolated import measured
from benchmarks.page import Goal, goals, publish, table
from benchmarks.rounds import PEAKS, Run, Spread, interleaved, peaks_of, ratio, seconds_of
from benchmarks.server import postgres

SMALL_ROUNDS = 2
MONTHS, SMALL_MONTHS = 12, 3
OURS, STOCK = "connections that are kept (`SqliteStorage`)", "Dagster's own storage"


def main() -> None:
    """Measure, and print or write the page's part."""
    with asked(__doc__, 0, 0, SMALL_ROUNDS) as run, postgres(run.directory) as server:
        count = MONTHS if run.full else SMALL_MONTHS
        arguments = (*published_months(run.data, count, TINY_ROWS), server.url, run.directory)
        sides = {
            OURS: partial(measured, through_dagster, *arguments, server=server.home),
            STOCK: partial(measured, through_dagster, *arguments, _without_storage(), server=server.home),
        }
        publish("history", run, _parts(count, interleaved(sides, run.rounds)))


def _without_storage() -> str:
    """Our ``dagster.yaml``, but for the storage: Dagster takes its own then."""
    settings = yaml.safe_load(files("taxi_assets").joinpath("dagster.yaml").read_text())
    del settings["storage"]
    return str(yaml.safe_dump(settings))


def _parts(count: int, results: dict[str, list[Run]]) -> list[str]:
    seconds = ratio(results[STOCK], results[OURS])
    cpu = Spread.of(
        stock.processor_seconds / ours.processor_seconds
        for stock, ours in zip(results[STOCK], results[OURS], strict=True)
    )
    reached = [
        Goal("Dagster's own storage : ours, seconds", seconds.text(), seconds.median, 1.2, at_least=True),
        Goal("Dagster's own storage : ours, client CPU", cpu.text(), cpu.median, 1.2, at_least=True),
    ]
    lines = [[name, seconds_of(runs), *peaks_of(runs)] for name, runs in results.items()]
    return [
        f"### {count} green months of {TINY_ROWS:,} rows in one run, by two storages of the same history",
        goals(reached),
        table(["history", "seconds", *PEAKS], lines),
    ]


if __name__ == "__main__":
    main()
