"""Counts the dirt of a published file by SQL over its raw names, knowing nothing of how it got there."""

from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

from taxi_assets.tlc.schema import money_columns, published_columns
from taxi_assets.tlc.services import ServiceName, next_month
from taxi_assets.tlc.synthetic import MonthCounts, published_schema


def raw_names(service: ServiceName, month: date) -> dict[str, str]:
    return {column.name: f'"{how.name}"' for column, how in published_columns(service, month).items()}


def null_typed(service: ServiceName, month: date) -> set[str]:
    schema = published_schema(service, month)
    return {name for name in schema.names if pa.types.is_null(schema.field(name).type)}


def count(con: duckdb.DuckDBPyConnection, condition: str) -> int:
    found: int = con.execute(f"SELECT count(*) FROM t WHERE {condition}").fetchall()[0][0]
    return found


def counted(path: Path, service: ServiceName, month: date) -> MonthCounts:
    """The dirt of a file, kind by kind."""
    name = raw_names(service, month)
    con = duckdb.connect()
    con.execute("CREATE TABLE t AS SELECT * FROM read_parquet(?)", [str(path)])
    pickup, dropoff = f"{name['pickup_at']}::TIMESTAMP", f"{name['dropoff_at']}::TIMESTAMP"
    conditions = {
        "rows": "true",
        "pickup_outside_month": f"{pickup} < '{month}' OR {pickup} >= '{next_month(month)}'",
        "dropoff_before_pickup": f"{dropoff} < {pickup}",
        "long_durations": f"{dropoff} - {pickup} > INTERVAL 12 HOURS",
    }
    if distance := name.get("trip_distance") or name.get("trip_miles"):
        conditions |= {"zero_distance": f"{distance} = 0", "impossible_distance": f"{distance} > 300"}
    if fare := name.get("fare_amount") or name.get("base_passenger_fare"):
        conditions["negative_amounts"] = f"{fare} < 0"
    if passengers := name.get("passenger_count"):
        conditions |= {"zero_passengers": f"{passengers} = 0", "null_block": f"{passengers} IS NULL"}
    if zone := name.get("pu_location_id"):
        ranges = (f"{each} NOT BETWEEN 1 AND 265" for each in (zone, name["do_location_id"]))
        conditions["location_out_of_range"] = " OR ".join(ranges)
    found = {kind: count(con, condition) for kind, condition in conditions.items()}
    return MonthCounts(**found, refund_pairs=refund_pairs(con, service, month))


def refund_pairs(con: duckdb.DuckDBPyConnection, service: ServiceName, month: date) -> int:
    """Rows below zero that have a row equal in all columns, but for the sign of every amount."""
    name = raw_names(service, month)
    money = [name[column] for column in money_columns(service) if column in name]
    money = [column for column in money if column.strip('"') not in null_typed(service, month)]
    if not money:
        return 0
    others = [column for column in name.values() if column not in money]
    same = [f"a.{column} IS NOT DISTINCT FROM b.{column}" for column in others]
    negated = [f"a.{column} IS NOT DISTINCT FROM -b.{column}" for column in money]
    fare = name.get("fare_amount") or name["base_passenger_fare"]
    query = f"SELECT count(*) FROM t a JOIN t b ON {' AND '.join(same + negated)} WHERE a.{fare} < 0"
    pairs: int = con.execute(query).fetchall()[0][0]
    return pairs
