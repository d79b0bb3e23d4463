"""A published file as the peers' users see it: its own column names, a filter in SQL, a table for its rows.

The filter is what one writes who has looked at the data: times in the month and in order, amounts and
distances that can be, zones that exist. The product's own rules judge the same columns, and find refunds too.
"""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from taxi_assets.tlc.services import next_month

if TYPE_CHECKING:
    import pandas as pd

_SQL_TYPES = {
    "int32": "bigint",
    "int64": "bigint",
    "double": "double precision",
    "timestamp[us]": "timestamp",
}

INDEXES = (
    'CREATE INDEX ON {table} USING brin ("tpep_pickup_datetime")',
    'CREATE INDEX ON {table} ("PULocationID")',
    "ANALYZE {table}",
)
"""What the product makes too."""


def good(month: date) -> str:
    """The rows of a yellow month to keep, in SQL."""
    return f"""
        tpep_pickup_datetime >= '{month}' AND tpep_pickup_datetime < '{next_month(month)}'
        AND tpep_dropoff_datetime >= tpep_pickup_datetime
        AND tpep_dropoff_datetime - tpep_pickup_datetime <= INTERVAL '12 hours'
        AND fare_amount BETWEEN 0 AND 1e9 AND total_amount BETWEEN 0 AND 1e9
        AND trip_distance BETWEEN 0 AND 300
        AND PULocationID BETWEEN 1 AND 265 AND DOLocationID BETWEEN 1 AND 265"""


def kept_by_pandas(trips: "pd.DataFrame", month: date) -> "pd.Series[bool]":
    """The same, as a mask in pandas."""
    import pandas as pd

    pickup, dropoff = trips.tpep_pickup_datetime, trips.tpep_dropoff_datetime
    return (
        (pickup >= pd.Timestamp(month))
        & (pickup < pd.Timestamp(next_month(month)))
        & (dropoff >= pickup)
        & (dropoff - pickup <= pd.Timedelta(hours=12))
        & trips.fare_amount.between(0, 1e9)
        & trips.total_amount.between(0, 1e9)
        & trips.trip_distance.between(0, 300)
        & trips.PULocationID.between(1, 265)
        & trips.DOLocationID.between(1, 265)
    )


def table_statement(file: Path, table: str) -> str:
    """CREATE TABLE for a published file's columns."""
    columns = ", ".join(f'"{field.name}" {_sql_type(field.type)}' for field in pq.read_schema(file))
    return f"CREATE TABLE {table} ({columns})"


def index_statements(table: str) -> list[str]:
    """The two indexes and the statistics."""
    return [statement.format(table=table) for statement in INDEXES]


def _sql_type(kind: pa.DataType) -> str:
    return _SQL_TYPES.get(str(kind), "text")
