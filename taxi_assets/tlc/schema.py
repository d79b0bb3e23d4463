"""THE table: every column of every service, what it means, and how each era published it.

Arrow schemas, Postgres DDL, BigQuery schemas, the UI's column descriptions, ``docs/schema.md`` and the
synthetic months are all made from it. To follow a change of the TLC's, add a line here: the next
``"YYYY-MM raw_name type"`` of a column, or a new column.

Names: the TLC's own stems in snake case. Three things are renamed on purpose, since each service spells
them differently: pickup and dropoff time (``pickup_at``, ``dropoff_at``), zones (``pu_location_id``,
``do_location_id``), and the text codes of 2009 and 2010 (``vendor_name``, ``payment_method``), which have
no published translation into the later numbers. Times are New York wall clock without zone.
"""

from collections.abc import Mapping
from datetime import date
from functools import cache
from types import MappingProxyType

import pyarrow as pa

from taxi_assets.tlc.column import ARROW_TYPES, Column, Published, column
from taxi_assets.tlc.services import SERVICES, ServiceName

_YELLOW_ZONE = "2011-01 {0} int64, 2023-02 {0} int32"
_GREEN_CODE = "2014-01 {0} int64|double, 2019-01 {0} double, 2023-02 {0} int64"
_TEXT = "{1} {0} string, 2023-02 {0} large_string"

COLUMNS: tuple[Column, ...] = (
    column("hvfhs_license_num", "text", "TLC licence", "Licence of the high-volume base: HV0002 Juno, HV0003 Uber, HV0004 Via, HV0005 Lyft.",
           fhvhv=_TEXT.format("hvfhs_license_num", "2019-02")),
    column("vendor_id", "int", "code", "Provider of the record: 1 Creative Mobile, 2 Curb (VeriFone), 6 Myle, 7 Helix.",
           yellow="2011-01 VendorID int64, 2023-02 VendorID int32",
           green="2014-01 VendorID int64, 2023-02 VendorID int32"),
    column("vendor_name", "text", "code", "Provider of the record in 2009 and 2010: CMT, VTS or DDS.",
           yellow="2009-01 vendor_name string, 2010-01 vendor_id string, 2011-01 -"),
    column("dispatching_base_num", "text", "TLC base", "Licence of the base that dispatched the trip.",
           fhv=_TEXT.format("dispatching_base_num", "2015-01"),
           fhvhv=_TEXT.format("dispatching_base_num", "2019-02")),
    column("originating_base_num", "text", "TLC base", "Base that received the original request.",
           fhvhv=_TEXT.format("originating_base_num", "2019-02")),
    column("affiliated_base_number", "text", "TLC base", "Base with which the vehicle is affiliated.",
           fhv=_TEXT.format("Affiliated_base_number", "2015-01")),
    column("request_at", "time", "New York wall clock", "When the passenger asked to be picked up.",
           fhvhv="2019-02 request_datetime timestamp"),
    column("on_scene_at", "time", "New York wall clock", "When the driver arrived (accessible vehicles only).",
           fhvhv="2019-02 on_scene_datetime timestamp"),
    column("pickup_at", "time", "New York wall clock", "When the trip began: the meter was engaged.",
           yellow="2009-01 Trip_Pickup_DateTime string, 2010-01 pickup_datetime string, 2011-01 tpep_pickup_datetime timestamp",
           green="2014-01 lpep_pickup_datetime timestamp",
           fhv="2015-01 pickup_datetime timestamp",
           fhvhv="2019-02 pickup_datetime timestamp"),
    column("dropoff_at", "time", "New York wall clock", "When the trip ended: the meter was disengaged.",
           yellow="2009-01 Trip_Dropoff_DateTime string, 2010-01 dropoff_datetime string, 2011-01 tpep_dropoff_datetime timestamp",
           green="2014-01 lpep_dropoff_datetime timestamp",
           fhv="2015-01 dropOff_datetime timestamp",
           fhvhv="2019-02 dropoff_datetime timestamp"),
    column("pu_location_id", "int", "taxi zone", "Taxi zone of the pickup, 1 to 265; 264 is unknown, 265 outside the city.",
           yellow=_YELLOW_ZONE.format("PULocationID"),
           green="2014-01 PULocationID int64, 2023-02 PULocationID int32",
           fhv="2015-01 PUlocationID double, 2019-05 PUlocationID int64, 2019-07 PUlocationID double, 2023-02 PUlocationID int64",
           fhvhv="2019-02 PULocationID int64, 2023-02 PULocationID int32"),
    column("do_location_id", "int", "taxi zone", "Taxi zone of the dropoff, 1 to 265; 264 is unknown, 265 outside the city.",
           yellow=_YELLOW_ZONE.format("DOLocationID"),
           green="2014-01 DOLocationID int64, 2023-02 DOLocationID int32",
           fhv="2015-01 DOlocationID double, 2019-05 DOlocationID int64, 2019-07 DOlocationID double, 2020-07 DOlocationID int64, 2020-08 DOlocationID double, 2023-02 DOlocationID int64",
           fhvhv="2019-02 DOLocationID int64, 2023-02 DOLocationID int32"),
    column("pickup_longitude", "float", "degrees east", "Longitude of the pickup (2009 and 2010, before zones).",
           yellow="2009-01 Start_Lon double, 2010-01 pickup_longitude double, 2011-01 -"),
    column("pickup_latitude", "float", "degrees north", "Latitude of the pickup (2009 and 2010, before zones).",
           yellow="2009-01 Start_Lat double, 2010-01 pickup_latitude double, 2011-01 -"),
    column("dropoff_longitude", "float", "degrees east", "Longitude of the dropoff (2009 and 2010, before zones).",
           yellow="2009-01 End_Lon double, 2010-01 dropoff_longitude double, 2011-01 -"),
    column("dropoff_latitude", "float", "degrees north", "Latitude of the dropoff (2009 and 2010, before zones).",
           yellow="2009-01 End_Lat double, 2010-01 dropoff_latitude double, 2011-01 -"),
    column("passenger_count", "int", "passengers", "Passengers as entered by the driver; null on dispatched trips.",
           yellow="2009-01 Passenger_Count int64, 2010-01 passenger_count int64, 2018-07 passenger_count double, 2023-02 passenger_count int64",
           green=_GREEN_CODE.format("passenger_count")),
    column("trip_distance", "float", "miles", "Distance by the taximeter.",
           yellow="2009-01 Trip_Distance double, 2010-01 trip_distance double",
           green="2014-01 trip_distance double"),
    column("trip_miles", "float", "miles", "Distance of the passenger's trip.",
           fhvhv="2019-02 trip_miles double"),
    column("trip_time", "int", "seconds", "Time of the passenger's trip.",
           fhvhv="2019-02 trip_time int64"),
    column("ratecode_id", "int", "code", "Final rate: 1 standard, 2 JFK, 3 Newark, 4 Nassau or Westchester, 5 negotiated, 6 group, 99 unknown.",
           yellow="2009-01 Rate_Code double, 2010-01 rate_code string, 2010-02 rate_code int64, 2010-04 rate_code string, 2011-01 RatecodeID int64, 2018-07 RatecodeID double, 2023-02 RatecodeID int64",
           green=_GREEN_CODE.format("RatecodeID")),
    column("store_and_fwd_flag", "text", "Y or N", "Whether the record was held in the vehicle before it was sent; numbers 0 and 1 of 2009 become N and Y.",
           yellow="2009-01 store_and_forward double, 2010-01 store_and_fwd_flag string, 2023-02 store_and_fwd_flag large_string",
           green=_TEXT.format("store_and_fwd_flag", "2014-01")),
    column("payment_type", "int", "code", "0 flex fare, 1 credit card, 2 cash, 3 no charge, 4 dispute, 5 unknown, 6 voided.",
           yellow="2011-01 payment_type int64",
           green=_GREEN_CODE.format("payment_type")),
    column("payment_method", "text", "code", "How the passenger paid in 2009 and 2010, as text: CASH, Credit, CAS, CRE and others.",
           yellow="2009-01 Payment_Type string, 2010-01 payment_type string, 2011-01 -"),
    column("trip_type", "int", "code", "1 street hail, 2 dispatch.",
           green=_GREEN_CODE.format("trip_type")),
    column("fare_amount", "float", "USD", "Fare by time and distance.",
           yellow="2009-01 Fare_Amt double, 2010-01 fare_amount double",
           green="2014-01 fare_amount double"),
    column("extra", "float", "USD", "Rush hour, overnight and other extras; called surcharge in 2009 and 2010.",
           yellow="2009-01 surcharge double, 2011-01 extra double",
           green="2014-01 extra double"),
    column("mta_tax", "float", "USD", "Tax of the Metropolitan Transportation Authority.",
           yellow="2009-01 mta_tax double",
           green="2014-01 mta_tax double"),
    column("tip_amount", "float", "USD", "Tip paid by card; cash tips are not recorded.",
           yellow="2009-01 Tip_Amt double, 2010-01 tip_amount double",
           green="2014-01 tip_amount double"),
    column("tolls_amount", "float", "USD", "Tolls of the trip.",
           yellow="2009-01 Tolls_Amt double, 2010-01 tolls_amount double",
           green="2014-01 tolls_amount double"),
    column("ehail_fee", "float", "USD", "Fee for electronic hailing; always empty.",
           green="2014-01 ehail_fee null|double, 2019-01 ehail_fee double, 2019-09 ehail_fee null, 2023-02 ehail_fee double"),
    column("improvement_surcharge", "float", "USD", "Surcharge at flag drop for accessible vehicles, since 2015.",
           yellow="2011-01 improvement_surcharge double, 2014-08 improvement_surcharge null, 2014-09 improvement_surcharge double",
           green="2014-01 improvement_surcharge double|null, 2019-01 improvement_surcharge double"),
    column("total_amount", "float", "USD", "Total charged, without cash tips; not the sum of its parts in 14 % of rows.",
           yellow="2009-01 Total_Amt double, 2010-01 total_amount double",
           green="2014-01 total_amount double"),
    column("base_passenger_fare", "float", "USD", "Fare before tolls, tips, taxes and fees.",
           fhvhv="2019-02 base_passenger_fare double"),
    column("tolls", "float", "USD", "Tolls of the trip.",
           fhvhv="2019-02 tolls double"),
    column("bcf", "float", "USD", "Contribution to the Black Car Fund.",
           fhvhv="2019-02 bcf double"),
    column("sales_tax", "float", "USD", "State sales tax.",
           fhvhv="2019-02 sales_tax double"),
    column("congestion_surcharge", "float", "USD", "State congestion surcharge, since 2019.",
           yellow="2011-01 congestion_surcharge null|double, 2019-01 congestion_surcharge double",
           green="2014-01 congestion_surcharge null|double, 2019-01 congestion_surcharge double",
           fhvhv="2019-02 congestion_surcharge double"),
    column("airport_fee", "float", "USD", "Fee for pickups at an airport.",
           yellow="2011-01 airport_fee null|double, 2023-02 Airport_fee double",
           fhvhv="2019-02 airport_fee null|double, 2023-02 airport_fee double"),
    column("cbd_congestion_fee", "float", "USD", "Congestion relief zone fee, since January 2025.",
           yellow="2025-01 cbd_congestion_fee double",
           green="2025-01 cbd_congestion_fee double",
           fhvhv="2025-01 cbd_congestion_fee double"),
    column("tips", "float", "USD", "Tip of the passenger.",
           fhvhv="2019-02 tips double"),
    column("driver_pay", "float", "USD", "Pay of the driver, without tolls and tips, net of commission.",
           fhvhv="2019-02 driver_pay double"),
    column("sr_flag", "int", "1 or null", "1 if the trip was part of a shared ride chain.",
           fhv="2015-01 SR_Flag null|double, 2019-01 SR_Flag double, 2019-03 SR_Flag null, 2023-02 SR_Flag int64"),
    column("shared_request_flag", "text", "Y or N", "Whether the passenger agreed to share.",
           fhvhv=_TEXT.format("shared_request_flag", "2019-02")),
    column("shared_match_flag", "text", "Y or N", "Whether the passenger shared with a stranger.",
           fhvhv=_TEXT.format("shared_match_flag", "2019-02")),
    column("access_a_ride_flag", "text", "Y, N or blank", "Whether the trip was for the MTA's Access-A-Ride.",
           fhvhv=_TEXT.format("access_a_ride_flag", "2019-02")),
    column("wav_request_flag", "text", "Y or N", "Whether a wheelchair-accessible vehicle was asked for.",
           fhvhv=_TEXT.format("wav_request_flag", "2019-02")),
    column("wav_match_flag", "text", "Y or N", "Whether the trip was in a wheelchair-accessible vehicle.",
           fhvhv="2019-02 wav_match_flag null, 2019-04 wav_match_flag string, 2023-02 wav_match_flag large_string"),
    column("request_source", "text", "code", "Where the request came from: A, or the licence of an app; null for most trips; since June 2026.",
           yellow="2026-06 request_source large_string",
           green="2026-06 request_source large_string"),
)  # fmt: skip

IGNORED_COLUMNS: Mapping[str, str] = MappingProxyType(
    {"__index_level_0__": "a pandas index left in by mistake in yellow 2010-02 and 2010-03"}
)

CSV_LACKS: Mapping[ServiceName, frozenset[str]] = MappingProxyType(
    {
        "yellow": frozenset({"airport_fee"}),
        "green": frozenset(),
        "fhv": frozenset({"affiliated_base_number"}),
        "fhvhv": frozenset(),
    }
)
"""Columns that the CSV copies of 2019 to 2021 do not have although the Parquet files do."""


@cache
def columns(service: ServiceName) -> tuple[Column, ...]:
    """The canonical columns of a service, in their canonical order."""
    return tuple(column for column in COLUMNS if service in column.history)


@cache
def canonical_schema(service: ServiceName) -> pa.Schema:
    """The Arrow schema of a service's cleaned rows, with a ``description`` on it and on every field."""
    return pa.schema(
        [
            pa.field(
                column.name,
                ARROW_TYPES[column.kind],
                metadata={"description": f"{column.meaning} [{column.unit}]"},
            )
            for column in columns(service)
        ],
        metadata={"description": f"{SERVICES[service].title} trips of New York City, one row a trip."},
    )


def published_columns(service: ServiceName, month: date) -> dict[Column, Published]:
    """The columns that a month's file must have, and how it has them."""
    found = {column: column.published(service, month) for column in columns(service)}
    return {column: era for column, era in found.items() if era}


def money_columns(service: ServiceName) -> tuple[str, ...]:
    """Names of the columns that hold dollars, whose sums are proved to be conserved."""
    return tuple(column.name for column in columns(service) if column.unit == "USD")
