"""Refunds: a negative charge and the positive twin that it takes back.

98 % of negative fares have a twin in the same file that is equal in provider, times, places and distance and
opposite in fare and total. Counting one without the other would falsify the month's money, so both go to
quarantine. The twin may stand before or after its refund, hence a look over the few columns that
tell, before the one pass over all of them. Where k refunds meet more than k equal charges, k go. A null
is unknown and equals nothing: a record that lacks one of the columns which it is known by has no twin.
"""

import duckdb

from taxi_assets.tlc.conform import SCAN, PublishedFile

_TRIP = (
    "vendor_id",
    "vendor_name",
    "pickup_at",
    "dropoff_at",
    "pu_location_id",
    "do_location_id",
    "pickup_longitude",
    "pickup_latitude",
    "dropoff_longitude",
    "dropoff_latitude",
    "trip_distance",
)
"""What makes two records one trip; the columns that an era lacks or leaves empty are left out."""


def find_refunds(published: PublishedFile, connection: duckdb.DuckDBPyConnection) -> None:
    """Fill the temporary table ``refunds (row)`` with the file row numbers of refunded charges."""
    connection.execute("CREATE OR REPLACE TEMP TABLE refunds (row BIGINT)")
    present = {c.column.name: c for c in published.conversions if not c.all_null}
    trip = [name for name in _TRIP if name in present]
    if not trip or not {"fare_amount", "total_amount"} <= present.keys():
        return  # nothing that a trip, or its twin, could be known by
    key = ", ".join(trip)
    terms = ", ".join(f"{present[name].value} AS {name}" for name in [*trip, "fare_amount", "total_amount"])
    numbered = f"row_number() OVER (PARTITION BY {key}, fare_amount, total_amount ORDER BY _row) AS k"
    same = " AND ".join(f"charge.{name} = refund.{name}" for name in trip)
    opposite = "charge.fare_amount = -refund.fare_amount AND charge.total_amount = -refund.total_amount"
    # Few trips begin when a refunded one does: one column to compare for all, not eight; a sixth of the time.
    nearby = "pickup_at IN (SELECT pickup_at FROM refund)" if "pickup_at" in trip else "true"
    with published.reading(connection):
        connection.execute(f"""
            CREATE OR REPLACE TEMP VIEW trips AS SELECT {terms}, file_row_number AS _row FROM {SCAN};
            CREATE OR REPLACE TEMP TABLE refund AS
                SELECT *, {numbered} FROM trips WHERE fare_amount < 0 OR total_amount < 0;
            INSERT INTO refunds
                WITH near AS (SELECT * FROM trips
                          WHERE fare_amount >= 0 AND total_amount >= 0 AND {nearby}),
                twins AS (SELECT * FROM near AS charge
                          WHERE EXISTS (SELECT 1 FROM refund WHERE {same} AND {opposite})),
                charge AS (SELECT *, {numbered} FROM twins)
                SELECT charge._row FROM charge JOIN refund ON {same} AND {opposite} AND charge.k = refund.k;
        """)  # noqa: S608 - names come from the schema table, there are no values
