"""Loads one month again and again until it is killed: ``python load_for_ever.py URL`` (see test_deaths)."""

import itertools
import sys
from datetime import date

import pyarrow as pa

from taxi_assets.targets.bigquery import BigQueryTarget

ROWS = 2000


def stream(load: int) -> pa.RecordBatchReader:
    """A month whose rows all say which load they came with; odd loads have half as many."""
    rows = ROWS if load % 2 == 0 else ROWS // 2
    return pa.table({"load": pa.array([load] * rows, pa.int32())}).to_reader()


def main(url: str) -> None:
    """Load until the end of time."""
    target = BigQueryTarget(url=url, staging_life_s=0.5)
    for load in itertools.count():
        target.replace("trips", date(2024, 1, 1), stream(load), {"version": str(load)})
        sys.stdout.write(f"{load}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
