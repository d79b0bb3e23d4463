"""What the records of for-hire vehicles hold besides times and zones: bases, flags, pay."""

from datetime import date

import numpy as np

from taxi_assets.tlc.synthetic.chunk import Chunk
from taxi_assets.tlc.synthetic.taxi import make_fees, tips

# A prime: 701 rows in a row have 701 different bases, see trips.py on duplicates.
_BASES = 701
_STRIDE = 379

FHV_DROPOFFS_SINCE = date(2017, 1, 1)
_FHV_SPARSE_SINCE = date(2019, 1, 1)
_SHARED_FROM, _SHARED_TO = date(2017, 7, 1), date(2019, 3, 1)


def make_fhv(chunk: Chunk, first: int) -> None:
    """Fill in bases and nulls of fhv: dropoffs only since 2017, zones in a fifth of the rows since 2019."""
    bases = (np.arange(first, first + chunk.rows) * _STRIDE % _BASES).astype(np.int16)
    for name in ("dispatching_base_num", "affiliated_base_number"):
        chunk.labels[name] = tuple(f"B{number:05d}" for number in range(100, 100 + _BASES))
        chunk.values[name] = bases.copy()
    chunk.make_null("affiliated_base_number", chunk.happens(0.01))
    everywhere = np.ones(chunk.rows, dtype=bool)
    if chunk.month < FHV_DROPOFFS_SINCE:
        chunk.make_null("dropoff_at", everywhere)
        chunk.make_null("do_location_id", everywhere)
    if chunk.month >= _FHV_SPARSE_SINCE:
        chunk.make_null("pu_location_id", chunk.happens(0.8))
        chunk.make_null("do_location_id", chunk.happens(0.8))
    if _SHARED_FROM <= chunk.month < _SHARED_TO:
        chunk.values["sr_flag"] = np.ones(chunk.rows, dtype=np.int32)
        chunk.make_null("sr_flag", ~chunk.happens(0.2))


def make_fhvhv(chunk: Chunk) -> None:
    """Fill in licences, waiting times, flags and money of fhvhv."""
    _companies(chunk)
    _flags(chunk)
    _money(chunk)


def _companies(chunk: Chunk) -> None:
    values = chunk.values
    chunk.draw_text("hvfhs_license_num", {"HV0003": 0.72, "HV0005": 0.27, "HV0004": 0.01})
    bases = {f"B{number:05d}": 1.0 for number in range(2764, 2764 + 28)}
    chunk.draw_text("dispatching_base_num", bases)
    chunk.labels["originating_base_num"] = chunk.labels["dispatching_base_num"]
    values["originating_base_num"] = values["dispatching_base_num"].copy()
    waited = np.clip(chunk.rng.lognormal(np.log(240), 0.5, chunk.rows), 20, 3000).astype(np.int64)
    values["request_at"] = values["pickup_at"] - waited
    values["on_scene_at"] = values["pickup_at"] - waited // 5
    # Only Uber (HV0003) reports the arrival and the base of the request.
    others = values["hvfhs_license_num"] != 0
    chunk.make_null("originating_base_num", others)
    chunk.make_null("on_scene_at", others.copy())


def _flags(chunk: Chunk) -> None:
    chunk.draw_text("shared_request_flag", {"N": 0.98, "Y": 0.02})
    chunk.draw_text("shared_match_flag", {"N": 0.993, "Y": 0.007})
    chunk.draw_text("wav_request_flag", {"N": 0.998, "Y": 0.002})
    chunk.draw_text("wav_match_flag", {"N": 0.93, "Y": 0.07})
    # Uber leaves the flag of Access-A-Ride blank: a space, not null.
    chunk.labels["access_a_ride_flag"] = (" ", "N")
    chunk.values["access_a_ride_flag"] = (chunk.values["hvfhs_license_num"] != 0).astype(np.int16)


def _money(chunk: Chunk) -> None:
    values, rng = chunk.values, chunk.rng
    mood = 0.8 + 0.5 * rng.random(chunk.rows)
    fare = np.round((3.0 + 1.9 * values["trip_miles"] + 0.45 * values["trip_time"] / 60) * mood, 2)
    values["base_passenger_fare"] = fare
    values["tolls"] = np.where(chunk.happens(0.06), 6.94, 0.0)
    values["bcf"] = np.round(fare * 0.03, 2)
    values["sales_tax"] = np.round(fare * 0.08875, 2)
    values["tips"] = tips(chunk, fare, chunk.happens(0.17))
    values["driver_pay"] = np.round(fare * (0.7 + 0.15 * rng.random(chunk.rows)), 2)
    make_fees(chunk)
