"""The two ways to put rows in the place of a partition, each of them atomic for readers.

Both write their intent into the ledger first; see there for how facts and rows stay together.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from taxi_assets.targets.bigquery.connection import Connection
from taxi_assets.targets.bigquery.ledger import Entry, Ledger
from taxi_assets.targets.bigquery.load import Source, configure, submit, work_key
from taxi_assets.targets.bigquery.names import (
    date_literal,
    decorated,
    is_dead_staging,
    partition_key,
    quoted,
    staging_name,
)
from taxi_assets.targets.bigquery.schema import Layout
from taxi_assets.targets.target import Facts, TargetError
from taxi_assets.targets.wanted import still_wanted

if TYPE_CHECKING:
    from google.cloud import bigquery

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Work:
    """One partition that is to be replaced: by what, under which labels, remembered how.

    Attributes:
        previous: Key of the load whose rows stand there now, or nothing.
        unsettled: Keys of loads of this partition whose jobs may still run.
        staging_life: Seconds after which a staging table's load is taken for dead.
    """

    table: str
    partition: date | None
    partition_column: str
    layout: Layout
    exists: bool
    cluster_by: tuple[str, ...]
    source: Source
    facts: Facts
    labels: dict[str, str]
    staging_life: float
    previous: str
    unsettled: tuple[str, ...]

    @property
    def cut_by(self) -> str | None:
        """The partition column, or None for a table without partitions."""
        return None if self.partition is None else self.partition_column


@dataclass(frozen=True)
class Done:
    """What came of it: rows by the service's count, bytes where it tells, seconds of the swap alone."""

    rows: int
    bytes: int
    swap: float


def by_write_truncate(connection: Connection, work: Work) -> Done:
    """One load job into the partition decorator: the service swaps the partition when the job ends well."""
    ledger = Ledger(connection)
    key = _key(connection, work)
    still_wanted()  # or we would cancel the job of whoever was given our work
    _stop_others(connection, work, key)
    ledger.intend(work.table, work.partition, Entry(key, work.facts, work.layout.arrow), in_transaction=False)
    config = configure(work.layout.fields, work.labels, work.source, work.cut_by)
    _shape(config, work)
    destination = decorated(work.table, work.partition)
    still_wanted()
    job = connection.run_once(
        key, lambda job_id: submit(connection, work.source, destination, config, job_id)
    )
    started = time.monotonic()
    rows = _checked_rows(job, work.source)
    ledger.conclude(key, job.ended or datetime.now(UTC))
    return Done(rows, job.output_bytes or 0, time.monotonic() - started)


def by_transaction(connection: Connection, work: Work) -> Done:
    """A staging table, then one transaction that empties the partition and fills it from there."""
    ledger = Ledger(connection)
    key = _key(connection, work)
    drop_leftovers(connection)
    with _staging_table(connection, work) as staging:
        config = configure(work.layout.fields, work.labels, work.source, work.cut_by)
        # The staging table's name is part of the id: a job that filled another one is no use here.
        load_key = work_key(key, staging, table=work.table)
        job = connection.run_once(
            load_key, lambda job_id: submit(connection, work.source, staging, config, job_id)
        )
        rows = _checked_rows(job, work.source)
        _add_columns(connection, work)
        ledger.intend(
            work.table, work.partition, Entry(key, work.facts, work.layout.arrow), in_transaction=True
        )
        started = time.monotonic()
        still_wanted()
        script = _script(connection, ledger, work, staging, key)
        connection.run_once(f"{load_key}-swap", lambda job_id: _send(connection, script, work.labels, job_id))
        return Done(rows, 0, time.monotonic() - started)


def drop_leftovers(connection: Connection) -> list[str]:
    """Drop the staging tables of loads that died, and return their names. BigQuery itself expires them."""
    dead = [name for name in connection.tables() if is_dead_staging(name)]
    for name in dead:
        _log.warning("dropping %s, left behind by a load that died", name)
        _drop(connection, name)
    return dead


def _key(connection: Connection, work: Work) -> str:
    """Name of this work. What stands now is part of it: A, then B, then A again is three jobs, not two."""
    parts = (
        connection.place.path,
        work.table,
        partition_key(work.partition),
        work.facts.get("version", ""),
        work.source.content,
        work.layout.arrow.to_string(),
        work.previous,
    )
    return work_key(*parts, table=work.table)


def _stop_others(connection: Connection, work: Work, key: str) -> None:
    """Cancel what a dead process left running on this partition, or it would overwrite us when it ends."""
    for other in work.unsettled:
        jobs = [] if other == key else [job for job in connection.jobs(other) if job.state != "DONE"]
        for job in jobs:
            _log.warning("cancelling job %s, left behind by a load that died", job.job_id)
            job.cancel(retry=connection.retry)
            # How it ended is its own affair: what stands is asked of the ledger, which asks the job.
            job.exception(timeout=connection.job_timeout)


def _shape(config: "bigquery.LoadJobConfig", work: Work) -> None:
    """The table's partitioning and clustering: a load that truncates must name those that the table has."""
    from google.cloud import bigquery

    config.clustering_fields = list(work.cluster_by) or None
    if work.partition is None:
        return
    config.time_partitioning = month_partitioning(work.partition_column)
    if work.exists and work.layout.added:
        config.schema_update_options = [bigquery.SchemaUpdateOption.ALLOW_FIELD_ADDITION]


def month_partitioning(column: str) -> "bigquery.TimePartitioning":
    """Native monthly partitioning on ``column``."""
    from google.cloud import bigquery

    return bigquery.TimePartitioning(type_=bigquery.TimePartitioningType.MONTH, field=column)


@contextmanager
def _staging_table(connection: Connection, work: Work) -> Iterator[str]:
    from google.cloud import bigquery

    until = datetime.now(UTC) + timedelta(seconds=work.staging_life)
    name = staging_name(work.table, until)
    table = bigquery.Table(connection.place.table(name), schema=work.layout.fields)
    table.expires = until
    connection.client.create_table(table, retry=connection.retry)
    try:
        yield name
    finally:
        _drop(connection, name)


def _drop(connection: Connection, name: str) -> None:
    connection.client.delete_table(connection.place.table(name), not_found_ok=True, retry=connection.retry)


def _add_columns(connection: Connection, work: Work) -> None:
    """Add what the table lacks. Before the transaction: DDL on permanent tables isn't allowed in one."""
    if not work.exists or not work.layout.added:
        return
    kinds = {field.name: field for field in work.layout.fields}
    for name in work.layout.added:
        kind = (
            f"ARRAY<{kinds[name].field_type}>" if kinds[name].mode == "REPEATED" else kinds[name].field_type
        )
        sql_kind = kind.replace("INTEGER", "INT64").replace("FLOAT", "FLOAT64").replace("BOOLEAN", "BOOL")
        table = connection.place.sql(work.table)
        connection.query(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {quoted(name)} {sql_kind}")
    extended = connection.client.get_table(connection.place.table(work.table), retry=connection.retry)
    extended.schema = work.layout.fields  # descriptions; and the emulator's ALTER forgets its own catalog
    connection.client.update_table(extended, ["schema"], retry=connection.retry)


def _script(connection: Connection, ledger: Ledger, work: Work, staging: str, key: str) -> str:
    """One transaction. Identifiers are quoted, the one value is a date literal: emulators bind none here."""
    table, source = connection.place.sql(work.table), connection.place.sql(staging)
    columns = ", ".join(quoted(name) for name in work.layout.arrow.names)
    literal = None if work.partition is None else date_literal(work.partition)
    values = ", ".join(
        literal if literal and name == work.partition_column else quoted(name)
        for name in work.layout.arrow.names
    )
    condition = "TRUE" if literal is None else f"{quoted(work.partition_column)} = {literal}"
    statements = (
        "BEGIN TRANSACTION",
        f"DELETE FROM {table} WHERE {condition}",  # noqa: S608
        f"INSERT INTO {table} ({columns}) SELECT {values} FROM {source}",  # noqa: S608
        ledger.conclusion(key),
        "COMMIT TRANSACTION",
    )
    return ";\n".join(statements) + ";"


def _send(connection: Connection, script: str, labels: dict[str, str], job_id: str) -> "bigquery.QueryJob":
    from google.cloud import bigquery

    config = bigquery.QueryJobConfig(labels=labels)
    # job_retry would send a failed query again under an id of its own: ``run_once`` does, under known ones.
    return connection.client.query(
        script, job_config=config, job_id=job_id, retry=connection.retry, job_retry=None
    )


def _checked_rows(job: Any, source: Source) -> int:
    rows = int(job.output_rows or 0)
    if source.rows is not None and rows != source.rows:
        raise TargetError(f"job {job.job_id} loaded {rows} rows out of a file of {source.rows}")
    return rows
