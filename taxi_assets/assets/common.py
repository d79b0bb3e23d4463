"""What all assets of a service share: partitions, names, owners, retries, column descriptions."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster import (
    AssetKey,
    BackfillPolicy,
    Backoff,
    Failure,
    Jitter,
    MonthlyPartitionsDefinition,
    RetryPolicy,
    TableColumn,
    TableSchema,
)

from taxi_assets.tlc.conform import NonConforming
from taxi_assets.tlc.schema import columns
from taxi_assets.tlc.services import Service, month_key
from taxi_assets.tlc.source import BadFile, NotPublished

OWNERS = ["team:taxi-data"]

# A month a step keeps a failure small; twelve a run spare eleven starts of a process (4 s each).
MULTI_RUN = BackfillPolicy.multi_run(max_partitions_per_run=12)

# For passing faults: a store that restarts, a source that is busy. 10, 20, 40 s, each times a random
# number up to 1, so that the runs of a backfill don't come back all at once.
RETRY = RetryPolicy(max_retries=3, delay=10, backoff=Backoff.EXPONENTIAL, jitter=Jitter.FULL)

DAYS_OF_A_MONTH = 30


def trips_key(stage: str, service: Service) -> AssetKey:
    """``cleaned/green_trips``."""
    return AssetKey([stage, f"{service.name}_trips"])


def monthly_partitions(service: Service) -> MonthlyPartitionsDefinition:
    """From the first published Parquet month to the newest that may have been published.

    A month's partition appears as long after its end as the fastest publication seen, so that no
    partition exists which can't, and none is missing which could.
    """
    return MonthlyPartitionsDefinition(
        start_date=month_key(service.first_month),
        fmt="%Y-%m",
        end_offset=-(service.earliest_lag.days // DAYS_OF_A_MONTH),
    )


def definition_metadata(service: Service, *more: TableColumn) -> dict[str, Any]:
    """What the UI shows of an asset's table before it was ever materialized; ``more`` comes last."""
    types = {"int": "int32", "float": "float64", "text": "string", "time": "timestamp[us]"}
    trips = [
        TableColumn(column.name, types[column.kind], f"{column.meaning} [{column.unit}]")
        for column in columns(service.name)
    ]
    return {"dagster/column_schema": TableSchema([*trips, *more])}


@contextmanager
def permanent_failures() -> Iterator[None]:
    """Turn what a retry can't help into a ``Failure`` that is not retried."""
    try:
        yield
    except (NotPublished, BadFile, NonConforming) as error:
        raise Failure(str(error), allow_retries=False) from error
