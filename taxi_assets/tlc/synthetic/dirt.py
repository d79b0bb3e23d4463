"""The dirt of the real months, in known amounts: which kinds, how many rows of each, and how it is put in.

Shares were measured on 41 published green months (2.5 million rows). A row has one kind of dirt at most,
so that the counts of a month add up.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from types import MappingProxyType

import numpy as np

from taxi_assets.tlc.schema import money_columns
from taxi_assets.tlc.services import Service, ServiceName, next_month
from taxi_assets.tlc.synthetic.chunk import Array, Chunk
from taxi_assets.tlc.synthetic.published_form import filled_columns
from taxi_assets.tlc.synthetic.trips import DISTANCE, seconds_of

ALL_KINDS_FROM = 2000
"""Months of as many rows have each kind of dirt at least once."""

IMPOSSIBLE_MILES = 300.0
LONG_SECONDS = 12 * 3600
_FARTHEST = 244_152.0
_DAY = 24 * 3600
_TWINS = 0.98


@dataclass(frozen=True)
class MonthCounts:
    """How many rows a synthetic month has, and how many of them are dirty in which way.

    Attributes:
        rows: Rows of the file.
        pickup_outside_month: Pickup before the month's first second or after its last.
        dropoff_before_pickup: Dropoff earlier than the pickup.
        negative_amounts: Fare below zero, with or without a twin.
        refund_pairs: Those of them that have their positive twin: equal but for the sign of every amount.
        long_durations: Dropoff more than 12 hours after the pickup.
        zero_distance: Distance 0.
        zero_passengers: Passenger count 0.
        null_block: Dispatched trips, whose codes and surcharges are null together. Not an error.
        location_out_of_range: A zone that is not 1 to 265.
        impossible_distance: More than 300 miles.
    """

    rows: int
    pickup_outside_month: int = 0
    dropoff_before_pickup: int = 0
    negative_amounts: int = 0
    refund_pairs: int = 0
    long_durations: int = 0
    zero_distance: int = 0
    zero_passengers: int = 0
    null_block: int = 0
    location_out_of_range: int = 0
    impossible_distance: int = 0


# Share of the rows, and the column without which there is no such dirt.
_SHARES: Mapping[str, tuple[float, tuple[str, ...]]] = MappingProxyType(
    {
        "pickup_outside_month": (0.00020, ("pickup_at",)),
        "dropoff_before_pickup": (0.00054, ("dropoff_at",)),
        "negative_amounts": (0.00278, ("fare_amount", "base_passenger_fare")),
        "long_durations": (0.0029, ("dropoff_at",)),
        "zero_distance": (0.0488, ("trip_distance", "trip_miles")),
        "zero_passengers": (0.0076, ("passenger_count",)),
        "location_out_of_range": (0.00002, ("pu_location_id",)),
        "impossible_distance": (0.0006, ("trip_distance", "trip_miles")),
    }
)

# Yellow keeps payment_type in the block, as 0 (flex fare), and lacks the airport fee instead.
_NULL_BLOCK: Mapping[ServiceName, tuple[str, ...]] = MappingProxyType(
    {
        "yellow": (
            "store_and_fwd_flag",
            "ratecode_id",
            "passenger_count",
            "congestion_surcharge",
            "airport_fee",
        ),
        "green": (
            *("store_and_fwd_flag", "ratecode_id", "passenger_count", "payment_type", "trip_type"),
            *("congestion_surcharge", "cbd_congestion_fee"),
        ),
    }
)


def month_counts(service: Service, month: date, rows: int) -> MonthCounts:
    """How many rows of which kind a month of ``rows`` rows has, whatever its seed."""
    filled = filled_columns(service.name, month)
    least = int(rows >= ALL_KINDS_FROM)
    counts = {
        kind: max(least, round(rows * share))
        for kind, (share, columns) in _SHARES.items()
        if not filled.isdisjoint(columns)
    }
    if "negative_amounts" in counts:
        negatives = max(2 * least, counts["negative_amounts"])
        twins = min(round(negatives * _TWINS), max(0, negatives - 1))
        counts |= {"negative_amounts": negatives, "refund_pairs": twins}
    return MonthCounts(rows, null_block=round(rows * _null_block_share(service.name, month)), **counts)


def _null_block_share(service: ServiceName, month: date) -> float:
    if service not in _NULL_BLOCK or month.year < 2019:
        return 0.0
    if month.year == 2019:
        return 0.004
    return 0.14 if month.year < 2022 else 0.04 + 0.04 * (month.month * 5 % 12) / 11


def make_null_block(chunk: Chunk) -> None:
    """Make dispatched trips of all rows."""
    for name in _NULL_BLOCK[chunk.service]:
        chunk.make_null(name, np.ones(chunk.rows, dtype=bool))
    if chunk.service == "yellow":
        chunk.values["payment_type"][:] = 0


def put_dirt(chunk: Chunk, counts: MonthCounts, part: tuple[int, int]) -> None:
    """Spoil the chunk's portion of the dirty rows; ``part`` is (n, m): it is the n-th of m chunks."""
    number, parts = part
    month = asdict(counts) | {"negative_alone": counts.negative_amounts - counts.refund_pairs}
    portion = {
        kind: month[kind] * (number + 1) // parts - month[kind] * number // parts for kind in _SPOILERS
    }
    # Every dirty row has the row after it for its twin; only every other row is a candidate.
    places = 2 * chunk.rng.permutation(chunk.rows // 2)[: sum(portion.values())]
    for kind, count in portion.items():
        where, places = places[:count], places[count:]
        if count:
            _SPOILERS[kind](chunk, where)


def _outside_month(chunk: Chunk, where: Array) -> None:
    month = chunk.month
    days = [date(2008, 12, 31), month - timedelta(days=1), next_month(month), date(2009, 1, 1)]
    starts = np.array([seconds_of(day) for day in days if day.replace(day=1) != month])
    new = starts[np.arange(len(where)) % len(starts)] + chunk.rng.integers(0, _DAY, len(where))
    shift = new - chunk.values["pickup_at"][where]
    for name in ("request_at", "on_scene_at", "dropoff_at", "pickup_at"):
        if name in chunk.values:
            chunk.values[name][where] += shift


def _dropoff_first(chunk: Chunk, where: Array) -> None:
    early = chunk.rng.integers(1, 3600, len(where))
    chunk.values["dropoff_at"][where] = chunk.values["pickup_at"][where] - early


def _long(chunk: Chunk, where: Array) -> None:
    midnight = chunk.rng.integers(_DAY - 5400, _DAY, len(where))
    other = chunk.rng.integers(LONG_SECONDS + 1, _DAY - 5400, len(where))
    seconds = np.where(chunk.rng.random(len(where)) < 0.85, midnight, other)
    chunk.values["dropoff_at"][where] = chunk.values["pickup_at"][where] + seconds
    if "trip_time" in chunk.values:
        chunk.values["trip_time"][where] = seconds


def _zero_distance(chunk: Chunk, where: Array) -> None:
    chunk.values[DISTANCE[chunk.service]][where] = 0.0


def _impossible_distance(chunk: Chunk, where: Array) -> None:
    low, high = np.log(IMPOSSIBLE_MILES + 1), np.log(_FARTHEST)
    chunk.values[DISTANCE[chunk.service]][where] = np.round(
        np.exp(chunk.rng.uniform(low, high, len(where))), 2
    )


def _zero_passengers(chunk: Chunk, where: Array) -> None:
    chunk.values["passenger_count"][where] = 0


def _bad_zone(chunk: Chunk, where: Array) -> None:
    chunk.values["pu_location_id"][where] = np.resize([0, 266, 999], len(where))
    if "pu_location_id" in chunk.nulls:
        chunk.nulls["pu_location_id"][where] = False


def _negate(chunk: Chunk, where: Array) -> None:
    for name in money_columns(chunk.service):
        if name in chunk.values:
            # Not -x: that makes -0.0, which is not what the TLC writes.
            chunk.values[name][where] = 0.0 - chunk.values[name][where]


def _refund(chunk: Chunk, where: Array) -> None:
    chunk.copy_rows(where, where + 1)
    _negate(chunk, where + 1)


_SPOILERS: Mapping[str, Callable[[Chunk, Array], None]] = MappingProxyType(
    {
        "pickup_outside_month": _outside_month,
        "dropoff_before_pickup": _dropoff_first,
        "negative_alone": _negate,
        "refund_pairs": _refund,
        "long_durations": _long,
        "zero_distance": _zero_distance,
        "zero_passengers": _zero_passengers,
        "location_out_of_range": _bad_zone,
        "impossible_distance": _impossible_distance,
    }
)
