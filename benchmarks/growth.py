"""How cost grows: with rows, with months in a run, with files in a month, with partitions in Postgres."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from benchmarks import whole_sides
from benchmarks.command import Asked, asked
from benchmarks.growth_files import files_told
from benchmarks.growth_months import months_told
from benchmarks.growth_partitions import partitions_told
from benchmarks.isolated import measured
from benchmarks.months import MONTH, write_raw
from benchmarks.page import Goal, goals, publish, table
from benchmarks.rounds import LARGEST_MB, Run
from benchmarks.run_profile import SUMMARY
from benchmarks.server import postgres
from taxi_assets.tlc.services import ServiceName

SMALL, FULL, ROUNDS = 200_000, 20_000_000, 5

STAGES = ("raw", "cleaned", "quarantined", "postgres", "lake", "warehouse")


@dataclass(frozen=True)
class Size:
    """One month of a row in the table.

    Attributes:
        service: Whose.
        month: Which.
        share: Its rows, as a share of those that are asked for.
    """

    service: ServiceName
    month: date
    share: float


SIZES = (
    Size("fhvhv", MONTH, 0.003),
    Size("fhvhv", MONTH, 0.15),
    Size("fhvhv", MONTH, 1),
    Size("yellow", date(2010, 3, 1), 0.7),
)
"""With --full 60,000, 3 million, 20 million rows; and 14 million of 2010."""


def main() -> None:
    """Measure, and print or write the page's part."""
    with asked(__doc__, SMALL, FULL, ROUNDS) as run:
        parts = [*_rows_told(run), *months_told(run), *files_told(run), *partitions_told(run)]
        publish("growth", run, parts)


def _rows_told(run: Asked) -> Sequence[str]:
    """The service's job over one month of each size."""
    results: dict[Size, Run] = {}
    with postgres(run.directory) as server:
        for size in SIZES:
            raw = write_raw(run.data, size.service, round(run.rows * size.share), size.month)
            month = whole_sides.Month(raw, size.service, size.month, server.url, run.directory)
            results[size] = measured(whole_sides.ours, month, server=server.home)
            month.fresh("ours")  # its gigabytes are not needed any more
    three, twenty = results[SIZES[1]], results[SIZES[2]]
    growth = twenty.peak_mb / three.peak_mb
    largest = max(one.largest_mb for one in results.values())
    reached = [
        Goal("peak MB at 20 M rows : at 3 M (at full size)", f"{growth:.2f}", growth, 2),
        Goal("largest process at any size, MB", f"{largest:.0f}", largest, LARGEST_MB),
    ]
    head = ["month", "rows", "seconds", *STAGES, "summary", "checks", "Dagster", "peak MB", "server"]
    return [
        "### Rows: one month through the service's job",
        goals(reached),
        table(head, [_line(size, round(run.rows * size.share), one) for size, one in results.items()]),
    ]


def _line(size: Size, rows: int, run: Run) -> list[str]:
    checks = sum(value for name, value in run.phases.items() if name.startswith("check "))
    spent = [*(_stage(run.phases, stage) for stage in STAGES), run.phases.get(SUMMARY, 0), checks]
    return [
        f"{size.service} {size.month:%Y-%m}",
        f"{rows:,}",
        f"{run.seconds:.1f}",
        *(f"{one:.1f}" for one in spent),
        f"{run.seconds - sum(spent):.1f}",
        f"{run.peak_mb:.0f}",
        f"{run.server_mb:.0f}",
    ]


def _stage(phases: Mapping[str, float], stage: str) -> float:
    return sum(value for name, value in phases.items() if name.startswith(f"{stage}: "))


if __name__ == "__main__":
    main()
