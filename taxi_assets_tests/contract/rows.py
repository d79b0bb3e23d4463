"""Rows to store, and how to compare what comes back: as a multiset, since a month has no order."""

from collections import Counter
from datetime import date, datetime, timedelta
from random import Random

import pyarrow as pa

from taxi_assets.targets.target import Target

TABLE = "green_trips"
JANUARY, FEBRUARY, MARCH = date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)

# What every published month has: rows of other years and of the neighbour months.
STRAY = [
    datetime.fromisoformat(moment)
    for moment in ("2009-01-01 00:23:01", "2008-12-31 23:02", "2023-12-31 23:59:59")
]


def trips(count: int, generation: int = 0, month: date = JANUARY, days: int = 28) -> pa.Table:
    """``count`` rows of a month, the first ones with stray dates, all marked with ``generation``."""
    random = Random(generation)
    start = datetime(month.year, month.month, 1)  # noqa: DTZ001
    pickups = [
        start + timedelta(days=number % days, seconds=random.randrange(86_400), microseconds=number % 7)
        for number in range(count)
    ]
    pickups[: len(STRAY)] = STRAY[:count]
    return pa.table(
        {
            "generation": pa.array([generation] * count, pa.int64()),
            "pickup_datetime": pa.array(pickups, pa.timestamp("us")),
            "passenger_count": pa.array([None if n % 7 == 0 else n % 5 for n in range(count)], pa.int64()),
            "fare_amount": pa.array([random.randrange(-500, 10_000) / 100 for _ in range(count)]),
            "store_and_fwd_flag": pa.array([("Y", "N", None)[n % 3] for n in range(count)], pa.string()),
        }
    )


def put(target: Target, rows: pa.Table, month: date | None = JANUARY, table: str = TABLE) -> None:
    """Replace a month by these rows."""
    target.replace(table, month, rows.to_reader(max_chunksize=1000))


def held(target: Target, month: date | None = JANUARY, table: str = TABLE) -> "Counter[str]":
    """The month's rows as they come out, without the partition column."""
    found = target.read(table, None if month is None else [month]).read_all()
    names = [name for name in found.schema.names if name != target.partition_column]
    return bag(found.select(names))


def bag(table: pa.Table) -> "Counter[str]":
    """Rows as a multiset of what they show; equal for NaN, different for 0 and null, -0.0 and 0.0."""
    names = sorted(table.schema.names)
    return Counter(repr([(name, row[name]) for name in names]) for row in table.to_pylist())
