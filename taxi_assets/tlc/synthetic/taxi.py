"""Codes and charges of yellow and green trips, by the tariff of their time."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import numpy as np

from taxi_assets.tlc.services import ServiceName
from taxi_assets.tlc.synthetic.chunk import Array, Chunk
from taxi_assets.tlc.synthetic.trips import AIRPORT_ZONES, hour_of, weekday_of

_COORDINATES_END = date(2011, 1, 1)
_NUMBERED_2009_END = date(2010, 1, 1)
_CONGESTION_SINCE = date(2019, 2, 1)
_MORE_VENDORS_SINCE = date(2023, 1, 1)


@dataclass(frozen=True)
class Tariff:
    """Dollars by the meter since a month: at flag drop, per mile, per slow minute; steps; surcharges."""

    since: date
    drop: float
    mile: float
    minute: float
    step: float
    rush_hour: float
    overnight: float
    tax: float
    improvement: float


_TARIFFS = (
    Tariff(date(2009, 1, 1), 2.5, 2.0, 0.40, 0.4, 1.0, 0.5, 0.0, 0.0),
    Tariff(date(2009, 11, 1), 2.5, 2.0, 0.40, 0.4, 1.0, 0.5, 0.5, 0.0),
    Tariff(date(2012, 9, 1), 2.5, 2.5, 0.50, 0.5, 1.0, 0.5, 0.5, 0.0),
    Tariff(date(2015, 1, 1), 2.5, 2.5, 0.50, 0.5, 1.0, 0.5, 0.5, 0.3),
    Tariff(date(2023, 1, 1), 3.0, 3.5, 0.70, 0.7, 2.5, 1.0, 0.5, 1.0),
)


@dataclass(frozen=True)
class Fee:
    """A fixed fee: since when, dollars, and its share of the rows; share None: pickups at an airport.

    Before ``since`` the column is empty; before ``charged`` it is zero.
    """

    column: str
    since: date
    charged: date
    dollars: float
    share: float | None


_FEES: dict[ServiceName, tuple[Fee, ...]] = {
    "yellow": (
        Fee("congestion_surcharge", date(2019, 1, 1), _CONGESTION_SINCE, 2.5, 0.8),
        Fee("airport_fee", date(2020, 8, 1), date(2021, 4, 1), 1.25, None),
        Fee("cbd_congestion_fee", date(2025, 1, 1), date(2025, 1, 1), 0.75, 0.7),
    ),
    "green": (
        Fee("congestion_surcharge", date(2019, 1, 1), _CONGESTION_SINCE, 2.75, 0.3),
        Fee("cbd_congestion_fee", date(2025, 1, 1), date(2025, 1, 1), 0.75, 0.07),
    ),
    "fhvhv": (
        Fee("congestion_surcharge", date(2019, 2, 1), date(2019, 2, 1), 2.75, 0.25),
        Fee("airport_fee", date(2019, 7, 1), date(2021, 4, 1), 2.5, None),
        Fee("cbd_congestion_fee", date(2025, 1, 1), date(2025, 1, 1), 1.5, 0.3),
    ),
}

_PARTS = (
    *("fare_amount", "extra", "mta_tax", "tip_amount", "tolls_amount", "improvement_surcharge"),
    *("congestion_surcharge", "airport_fee", "cbd_congestion_fee"),
)


def make_taxi(chunk: Chunk, filled: Collection[str]) -> None:
    """Fill in codes and charges; ``filled`` are the columns that this month's file has values in."""
    _codes(chunk)
    if chunk.month < _COORDINATES_END:
        _texts_and_coordinates(chunk)
    _charges(chunk, next(tariff for tariff in reversed(_TARIFFS) if tariff.since <= chunk.month))
    make_fees(chunk)
    chunk.keep(filled)
    parts = [chunk.values[name] for name in _PARTS if name in chunk.values]
    chunk.values["total_amount"] = np.round(np.sum(parts, axis=0), 2)


def make_fees(chunk: Chunk) -> None:
    """Fill in the fixed fees of the time."""
    airport = np.isin(chunk.values["pu_location_id"], AIRPORT_ZONES)
    for fee in _FEES[chunk.service]:
        if chunk.month < fee.since:
            continue
        dollars = fee.dollars if chunk.month >= fee.charged else 0.0
        owed = airport if fee.share is None else chunk.happens(fee.share)
        chunk.values[fee.column] = np.where(owed, dollars, 0.0)


def _codes(chunk: Chunk) -> None:
    grown = chunk.service == "yellow" and chunk.month >= _MORE_VENDORS_SINCE
    newcomers = {6: 0.003, 7: 0.01} if grown else {}
    chunk.draw_code("vendor_id", {1: 0.2, 2: 0.787} | newcomers)
    chunk.draw_code("passenger_count", {1: 0.81, 2: 0.11, 3: 0.025, 4: 0.01, 5: 0.026, 6: 0.019})
    chunk.draw_code("ratecode_id", {1: 0.955, 2: 0.012, 3: 0.001, 4: 0.001, 5: 0.0305, 99: 0.0005})
    chunk.draw_code("payment_type", {1: 0.7, 2: 0.285, 3: 0.01, 4: 0.005})
    chunk.draw_code("trip_type", {1: 0.965, 2: 0.035})
    chunk.draw_text("store_and_fwd_flag", {"N": 0.996, "Y": 0.004})
    chunk.draw_text("request_source", {"A": 0.4, "HV0003": 0.4, "HV0005": 0.2})
    chunk.make_null("request_source", ~chunk.happens(0.03))


def _texts_and_coordinates(chunk: Chunk) -> None:
    spelled_out = chunk.month < _NUMBERED_2009_END
    chunk.draw_text("vendor_name", {"VTS": 0.5, "CMT": 0.45, "DDS": 0.05})
    methods = ("Credit", "CASH", "No Charge", "Dispute") if spelled_out else ("CRE", "CAS", "NOC", "DIS")
    # Follows payment_type (codes 1 to 4), so that here too only cards tip.
    chunk.labels["payment_method"] = methods
    chunk.values["payment_method"] = (chunk.values["payment_type"] - 1).astype(np.int16)
    for end in ("pickup", "dropoff"):
        chunk.values[f"{end}_longitude"] = np.round(chunk.rng.normal(-73.975, 0.03, chunk.rows), 6)
        chunk.values[f"{end}_latitude"] = np.round(chunk.rng.normal(40.752, 0.025, chunk.rows), 6)
    if spelled_out:
        chunk.make_null("ratecode_id", np.ones(chunk.rows, dtype=bool))
        chunk.make_null("store_and_fwd_flag", chunk.happens(0.5))


def _charges(chunk: Chunk, tariff: Tariff) -> None:
    values, rows = chunk.values, chunk.rows
    slow_minutes = values["trip_time"] / 60 * 0.3
    metered = values["trip_distance"] * tariff.mile + slow_minutes * tariff.minute
    fare = np.round(tariff.drop + np.floor(metered / tariff.step) * tariff.step, 2)
    hour, weekday = hour_of(values["pickup_at"]), weekday_of(values["pickup_at"])
    rush = (weekday < 5) & (hour >= 16) & (hour < 20)
    night = (hour >= 20) | (hour < 6)
    by_card = values["payment_type"] == 1
    values["fare_amount"] = fare
    values["extra"] = np.where(rush, tariff.rush_hour, np.where(night, tariff.overnight, 0.0))
    values["mta_tax"] = np.full(rows, tariff.tax)
    values["improvement_surcharge"] = np.full(rows, tariff.improvement)
    values["tip_amount"] = tips(chunk, fare, by_card)
    values["tolls_amount"] = np.where(chunk.happens(0.04), 6.55, 0.0)


def tips(chunk: Chunk, fare: Array, tippers: Array) -> Array:
    """Tips of 10 to 30 % of the fare from those who tip."""
    return np.where(tippers, np.round(fare * (0.1 + 0.2 * chunk.rng.random(chunk.rows)), 2), 0.0)
