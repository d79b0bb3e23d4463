"""What all assets of a service share: partitions, names, owners, retries, column descriptions."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypedDict

from dagster import (
    AssetKey,
    BackfillPolicy,
    Backoff,
    DagsterExecutionInterruptedError,
    Failure,
    FreshnessPolicy,
    Jitter,
    MonthlyPartitionsDefinition,
    RetryPolicy,
    TableColumn,
    TableSchema,
)

from taxi_assets.settings import Settings
from taxi_assets.tlc.conform import NonConforming
from taxi_assets.tlc.schema import columns
from taxi_assets.tlc.services import SERVICES, Service, month_key
from taxi_assets.tlc.source import BadFile, NotPublished

OWNERS = ["team:taxi-data"]

REFERENCE = "reference"
"""Group of what the trips refer to: the zones."""

OPERATIONS = "operations"
"""Group of the assets that look at the others; all of them look every night."""

SOURCE_POOL = "source"
"""Downloads; Dagster's pools say how many steps do a kind of work at once, see ``dagster.yaml``."""

HEAVY_POOL = "heavy_months"
"""Cleaning of the services whose largest months take 0.6 GB of memory."""

RETRIES = 3
"""Of one step, for passing faults: a store that restarts, a source that is busy."""

DAYS_OF_A_MONTH = 30

LONGEST_MONTH = timedelta(days=31)


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


def partitions_of_all() -> MonthlyPartitionsDefinition:
    """From the first month of any service to the newest that any may have published: the yellow taxi's."""
    earliest = min(SERVICES.values(), key=lambda service: (service.first_month, service.earliest_lag))
    return monthly_partitions(earliest)


def freshness(service: Service) -> FreshnessPolicy:
    """How long an asset may go without a new month: usually at most, then a warning; ever seen, a failure.

    One month published as early as seen and the next as late as seen come a month and the difference of the
    two lags apart: 107 days (fhv 77), usually 76 (fhv 46) at most.
    """
    return FreshnessPolicy.time_window(
        fail_window=LONGEST_MONTH + service.longest_lag - service.earliest_lag,
        warn_window=LONGEST_MONTH + service.usual_lag - service.earliest_lag,
    )


class HeedingInterrupts(RetryPolicy):
    """A retry policy that doesn't count a person's word among the faults that pass.

    Dagster tries a step again that was interrupted, if it has a policy: a run canceled in the middle of a
    step, or stopped by Ctrl-C, would go on to its end.
    """

    def calculate_delay(self, attempt_num: int) -> float:
        """See ``RetryPolicy``; asked while the fault is being handled."""
        fault = sys.exception()
        if isinstance(fault, (KeyboardInterrupt, DagsterExecutionInterruptedError)):
            raise fault
        return float(super().calculate_delay(attempt_num))


def retry_policy(settings: Settings) -> RetryPolicy:
    """By default after 10, 30 and 70 s, each up to 10 s sooner or later: a store may be away for 80 s.

    Jitter keeps the runs of a backfill from coming back all at once, and is a small one, as Dagster's full
    jitter may well make three retries within a second. What a retry can't help says so by itself, with
    ``Failure(allow_retries=False)``.
    """
    return HeedingInterrupts(
        max_retries=RETRIES,
        delay=settings.retry_seconds,
        backoff=Backoff.EXPONENTIAL,
        jitter=Jitter.PLUS_MINUS,
    )


class Monthly(TypedDict):
    """How every asset of a service is cut into months and run; arguments of ``asset`` and ``multi_asset``."""

    partitions_def: MonthlyPartitionsDefinition
    backfill_policy: BackfillPolicy
    retry_policy: RetryPolicy


def monthly(service: Service, settings: Settings) -> Monthly:
    """A service's months, how many a run of a backfill takes, and what is done about passing faults."""
    return {
        "partitions_def": monthly_partitions(service),
        "backfill_policy": BackfillPolicy.multi_run(settings.months_per_run[service.name]),
        "retry_policy": retry_policy(settings),
    }


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
