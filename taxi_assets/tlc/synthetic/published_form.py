"""From canonical values to the raw names, types and column order of a month's published file."""

import zlib
from collections.abc import Mapping
from datetime import date
from functools import cache
from types import MappingProxyType

import numpy as np
import pyarrow as pa

from taxi_assets.tlc.column import Column, Published
from taxi_assets.tlc.schema import published_columns
from taxi_assets.tlc.services import ServiceName, month_key
from taxi_assets.tlc.synthetic.chunk import Chunk
from taxi_assets.tlc.synthetic.for_hire import FHV_DROPOFFS_SINCE

RAW_TYPES: Mapping[str, pa.DataType] = MappingProxyType(
    {
        "int32": pa.int32(),
        "int64": pa.int64(),
        "double": pa.float64(),
        "string": pa.string(),
        "large_string": pa.large_string(),
        "timestamp": pa.timestamp("us"),
        "null": pa.null(),
    }
)

_STRAY = "__index_level_0__"
_STRAY_MONTHS = (("yellow", date(2010, 2, 1)), ("yellow", date(2010, 3, 1)))

_ORDER: Mapping[ServiceName, str] = MappingProxyType(
    {
        "yellow": """
            vendor_id vendor_name pickup_at dropoff_at passenger_count trip_distance pickup_longitude
            pickup_latitude ratecode_id store_and_fwd_flag dropoff_longitude dropoff_latitude
            pu_location_id do_location_id payment_type payment_method fare_amount extra mta_tax
            tip_amount tolls_amount improvement_surcharge total_amount congestion_surcharge airport_fee
            cbd_congestion_fee request_source
        """,
        "green": """
            vendor_id pickup_at dropoff_at store_and_fwd_flag ratecode_id pu_location_id do_location_id
            passenger_count trip_distance fare_amount extra mta_tax tip_amount tolls_amount ehail_fee
            improvement_surcharge total_amount payment_type trip_type congestion_surcharge
            cbd_congestion_fee request_source
        """,
        "fhv": """
            dispatching_base_num pickup_at dropoff_at pu_location_id do_location_id sr_flag
            affiliated_base_number
        """,
        "fhvhv": """
            hvfhs_license_num dispatching_base_num originating_base_num request_at on_scene_at pickup_at
            dropoff_at pu_location_id do_location_id trip_miles trip_time base_passenger_fare tolls bcf
            sales_tax congestion_surcharge airport_fee tips driver_pay shared_request_flag
            shared_match_flag access_a_ride_flag wav_request_flag wav_match_flag cbd_congestion_fee
        """,
    }
)


@cache
def published_form(service: ServiceName, month: date) -> dict[str, pa.Field]:
    """Canonical name to raw field, in the order of the TLC's files; columns new to the table come last."""
    eras = published_columns(service, month)
    place = {name: number for number, name in enumerate(_ORDER[service].split())}
    ordered = sorted(eras, key=lambda column: place.get(column.name, len(place)))
    form = {column.name: _field(column, eras[column], service, month) for column in ordered}
    if (service, month) in _STRAY_MONTHS:
        form[_STRAY] = pa.field(_STRAY, pa.int64())
    return form


def published_schema(service: ServiceName, month: date) -> pa.Schema:
    """The Arrow schema that a month's published file has; where the TLC flips, one type for each month."""
    return pa.schema(list(published_form(service, month).values()))


def filled_columns(service: ServiceName, month: date) -> frozenset[str]:
    """Canonical names of the columns that have any values in a month."""
    form = published_form(service, month)
    unfilled = {"dropoff_at"} if service == "fhv" and month < FHV_DROPOFFS_SINCE else set()
    return frozenset(name for name, field in form.items() if not pa.types.is_null(field.type)) - unfilled


def to_published(chunk: Chunk, first: int) -> pa.RecordBatch:
    """The chunk's rows as the file of the month holds them; ``first`` is the number of its first row."""
    form = published_form(chunk.service, chunk.month)
    if _STRAY in form:
        chunk.values[_STRAY] = np.arange(first, first + chunk.rows)
    arrays = [_encode(chunk, name, field.type) for name, field in form.items()]
    return pa.RecordBatch.from_arrays(arrays, schema=published_schema(chunk.service, chunk.month))


def _field(column: Column, era: Published, service: ServiceName, month: date) -> pa.Field:
    # crc32 and not hash(): the choice is the same in every process.
    choice = zlib.crc32(f"{service} {month_key(month)} {column.name}".encode()) % len(era.types)
    return pa.field(era.name or column.name, RAW_TYPES[era.types[choice]])


def _encode(chunk: Chunk, name: str, raw: pa.DataType) -> pa.Array:
    if pa.types.is_null(raw) or name not in chunk.values:
        return pa.nulls(chunk.rows, raw)
    values, nulls = chunk.values[name], chunk.nulls.get(name)
    if name.endswith("_at"):
        return pa.array(values, pa.timestamp("s"), mask=nulls).cast(raw)
    if name in chunk.labels and not pa.types.is_floating(raw):
        codes = pa.array(values, mask=nulls)
        return pa.DictionaryArray.from_arrays(codes, pa.array(chunk.labels[name], raw)).cast(raw)
    return pa.array(values, mask=nulls).cast(raw)
