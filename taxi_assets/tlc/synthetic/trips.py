"""What every trip has: when, how long, how far, from where to where, in the rhythm of a real month.

Shares of hours, weekdays and zones, medians of time and speed: taken from published months of 2020 to 2025.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from types import MappingProxyType

import numpy as np

from taxi_assets.tlc.services import ServiceName, next_month
from taxi_assets.tlc.synthetic.chunk import Array, Chunk

DISTANCE: Mapping[ServiceName, str] = MappingProxyType(
    {"yellow": "trip_distance", "green": "trip_distance", "fhvhv": "trip_miles"}
)
AIRPORT_ZONES = (132, 138)

_HOUR = 3600
_ZONES = 265
_WEEKDAY = (15, 9, 6, 5, 5, 6, 16, 36, 49, 50, 48, 49, 51, 53, 57, 61, 63, 74, 78, 68, 60, 56, 48, 33)
_WEEKEND = (48, 40, 33, 23, 13, 7, 8, 13, 22, 34, 45, 51, 56, 58, 59, 60, 60, 61, 62, 59, 55, 53, 55, 51)
_DAYS = (0.87, 0.98, 1.05, 1.08, 1.10, 1.07, 0.90)


@dataclass(frozen=True)
class Profile:
    """How the trips of one service differ from the others'.

    Attributes:
        minutes: Median duration.
        mph: Median speed.
        jitter: Rows whose pickups may change places, as a share of the month: files are nearly sorted.
        hot_zones: Share of the pickups in the busiest zones.
    """

    minutes: float
    mph: float
    jitter: float
    hot_zones: Mapping[int, float]


_MANHATTAN = {161: 0.045, 237: 0.045, 236: 0.045, 132: 0.04, 186: 0.032, 162: 0.03, 230: 0.03, 138: 0.028}
# fhv has no column that tells two trips of one second apart but the base. Without jitter the rows of one
# second are neighbours, whose bases differ: no row is an exact duplicate, as none is in the real months.
_PROFILES: Mapping[ServiceName, Profile] = MappingProxyType(
    {
        "yellow": Profile(11.5, 10.5, 0.004, _MANHATTAN | {234: 0.03, 239: 0.028, 142: 0.027, 68: 0.026}),
        "green": Profile(11.3, 11.0, 0.004, {74: 0.22, 75: 0.15, 43: 0.05, 95: 0.05, 166: 0.045, 41: 0.043}),
        "fhv": Profile(16.0, 12.5, 0.0, {264: 0.2, 265: 0.03}),
        "fhvhv": Profile(14.0, 13.5, 0.004, {132: 0.02, 138: 0.019, 61: 0.015, 79: 0.014, 76: 0.012}),
    }
)


def make_trips(chunk: Chunk, first: int, total: int) -> None:
    """Fill in times, distance and zones of rows ``first`` and following, out of ``total``."""
    rng, rows, service = chunk.rng, chunk.rows, chunk.service
    profile = _PROFILES[service]
    jitter = max(1.0, total * profile.jitter)
    place = (np.arange(first, first + rows) + rng.random(rows) * jitter) / (total - 1 + jitter)
    hours, share_before = _rhythm(chunk.month)
    pickup = np.minimum(np.interp(place, share_before, hours), hours[-1] - 1).astype(np.int64)
    seconds = np.clip(rng.lognormal(np.log(profile.minutes * 60), 0.6, rows), 60, 3 * _HOUR).astype(np.int64)
    chunk.values |= {"pickup_at": pickup, "dropoff_at": pickup + seconds, "trip_time": seconds}
    if service in DISTANCE:
        miles = seconds / _HOUR * rng.lognormal(np.log(profile.mph), 0.3, rows)
        chunk.values[DISTANCE[service]] = np.clip(np.round(miles, 2), 0.1, 80)
    zones = _zone_shares(service)
    chunk.values["pu_location_id"] = (1 + chunk.draw(zones)).astype(np.int32)
    chunk.values["do_location_id"] = (1 + chunk.draw(zones)).astype(np.int32)


def seconds_of(day: date) -> int:
    """Seconds from 1970-01-01 to a day's midnight, on a clock without zone."""
    return (day - date(1970, 1, 1)).days * 24 * _HOUR


def hour_of(seconds: Array) -> Array:
    """Hour of the day, 0 to 23."""
    return seconds // _HOUR % 24


def weekday_of(seconds: Array) -> Array:
    """Day of the week, 0 is Monday; 1970-01-01 was a Thursday."""
    return (seconds // (24 * _HOUR) + 3) % 7


@cache
def _rhythm(month: date) -> tuple[Array, Array]:
    """Every full hour of the month, and the share of the month's pickups before it."""
    hours = np.arange(seconds_of(month), seconds_of(next_month(month)) + 1, _HOUR)
    starts = hours[:-1]
    days, hour = weekday_of(starts), hour_of(starts)
    weights = np.where(days < 5, np.array(_WEEKDAY)[hour], np.array(_WEEKEND)[hour]) * np.array(_DAYS)[days]
    return hours, np.concatenate(([0.0], np.cumsum(weights) / weights.sum()))


@cache
def _zone_shares(service: ServiceName) -> tuple[float, ...]:
    """Share of each zone: the hot ones as given, the others ever less in an order of the service's own."""
    hot = _PROFILES[service].hot_zones
    order = np.random.default_rng(len(service)).permutation(_ZONES)
    shares = 1.0 / (10 + order)
    shares *= (1 - sum(hot.values())) / shares.sum()
    for zone, share in hot.items():
        shares[zone - 1] = share
    return tuple(shares.tolist())
