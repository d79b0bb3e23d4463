"""The target: the store's contract on BigQuery, in terms of the modules beside it.

What it means to replace a partition, and what has and has not been proved, is said in the package.
"""

import tempfile
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import ClassVar, Literal

import pyarrow as pa

from taxi_assets.targets.bigquery import read as reading
from taxi_assets.targets.bigquery.connection import Connection, connect, emulator
from taxi_assets.targets.bigquery.errors import explained
from taxi_assets.targets.bigquery.ledger import LEDGER, Ledger, Standing
from taxi_assets.targets.bigquery.load import Source, loadable
from taxi_assets.targets.bigquery.names import (
    Place,
    checked_table,
    date_literal,
    decorated,
    labels,
    parse_url,
    partition_key,
    quoted,
)
from taxi_assets.targets.bigquery.replace import Done, Work, by_transaction, by_write_truncate
from taxi_assets.targets.bigquery.schema import Layout, merge
from taxi_assets.targets.bigquery.spool import spool
from taxi_assets.targets.bigquery.staging import staged
from taxi_assets.targets.bigquery.stored_table import StoredTable, find, must_find
from taxi_assets.targets.bigquery.tables import create, describe
from taxi_assets.targets.selecting import checked_select
from taxi_assets.targets.target import (
    EXAMPLE_ROWS,
    Condition,
    Facts,
    Held,
    Objects,
    Report,
    Target,
    TargetError,
    Totals,
)

_WAYS = {"write_truncate": by_write_truncate, "transaction": by_transaction}


class BigQueryTarget(Target):
    """Tables of one BigQuery dataset, partitioned by month.

    Attributes:
        url: The dataset, ``bigquery://project/dataset?location=US``.
        cluster_by: Columns by which new tables are clustered; those that a table lacks are left out.
        labels: Put on every table and job.
        replace_by: How a partition is replaced; ``auto`` is ``write_truncate``, but ``transaction`` where
            ``BIGQUERY_EMULATOR_HOST`` is set, since no emulator knows partition decorators.
        job_timeout_s: Seconds to wait for one job.
        retry_deadline_s: Seconds during which a request is sent again when the service is overloaded.
        load_objects: Load a partition that lies on gs:// from there, by a job of the service alone; the
            account must be allowed to read those objects. If not, rows are uploaded.
        staging_uri: ``gs://bucket/prefix`` through which files travel, where uploads to BigQuery itself
            are slow or not wanted; None uploads directly.
        staging_life_s: Seconds after which a staging table counts as left behind. BigQuery itself ends
            a load job after six hours.
    """

    dialect: ClassVar[str] = "bigquery"
    storage_kind: ClassVar[str] = "bigquery"

    url: str = "bigquery://project/dataset?location=US"
    cluster_by: list[str] = []  # noqa: RUF012 - pydantic copies it
    labels: dict[str, str] = {}  # noqa: RUF012
    replace_by: Literal["auto", "write_truncate", "transaction"] = "auto"
    job_timeout_s: float = 3600.0
    retry_deadline_s: float = 600.0
    load_objects: bool = True
    staging_uri: str | None = None
    staging_life_s: float = 6 * 3600.0

    def replace(
        self, table: str, partition: date | None, stream: pa.RecordBatchReader, facts: Facts | None = None
    ) -> Report:
        """Put the stream's rows in the place of the partition's, see ``Target.replace``."""
        self._check_partition(table, partition)
        with explained(self._place):
            connection = self._connect()
            standing = find(connection, table)
            layout = self._layout(standing, table, partition, stream.schema)
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="bigquery-load-") as folder:
            path = Path(folder) / "rows.parquet"
            file = spool(stream, layout, self.partition_column, partition, path)
            spooled = time.monotonic() - begun
            source = Source(path, (), None, file.digest, file.rows)
            with explained(self._place), staged(source, self.staging_uri) as reachable:
                report = self._replace(connection, table, partition, standing, layout, reachable, facts or {})
        return Report(report.rows, report.bytes, report.replaced_rows, {"spool": spooled, **report.seconds})

    def replace_from_uris(
        self,
        table: str,
        partition: date | None,
        uris: Sequence[str],
        schema: pa.Schema,
        facts: Facts | None = None,
        hive_prefix: str | None = None,
        rows: int | None = None,
    ) -> Report:
        """Replace a partition by Parquet that lies on GCS: the rows don't pass through this process.

        Args:
            table: Name of the table.
            partition: First day of the partition, or None.
            uris: The objects, ``gs://…``.
            schema: Their columns, without the partition column.
            facts: As for ``replace``. Say a ``version``: it is what tells two loads of one name apart.
            hive_prefix: ``gs://bucket/prefix``, under which the objects lie in ``trip_month=2024-01-01/``
                and leave that column out; None if the files themselves hold it.
            rows: How many rows they hold, where that is known.

        Raises:
            TargetError: The schema does not fit the table, an object is none of Google's, or the job
                loaded another number of rows.
        """
        self._check_partition(table, partition)
        if not uris or not all(uri.startswith("gs://") for uri in uris):
            raise TargetError(f"BigQuery loads from gs:// objects only, these are {list(uris)}")
        content = "\n".join([(facts or {}).get("version", ""), *uris])
        source = Source(None, tuple(uris), hive_prefix, content, rows)
        with explained(self._place):
            connection = self._connect()
            standing = find(connection, table)
            layout = self._layout(standing, table, partition, schema)
            return self._replace(connection, table, partition, standing, layout, source, facts or {})

    def replace_from(
        self, table: str, partition: date | None, objects: Objects, facts: Facts | None = None
    ) -> Report | None:
        """Replace a partition by one load job from the lake's objects, if it can give the stream's rows."""
        if not self.load_objects or not loadable(objects, self.partition_column, partition):
            return None
        if emulator() and not self._in_order(table, partition, objects.schema.names):
            return None
        return self.replace_from_uris(
            table, partition, objects.uris, objects.schema, facts, objects.root, objects.rows
        )

    def read(
        self,
        table: str,
        partitions: Sequence[date] | None = None,
        columns: Sequence[str] | None = None,
        where: Sequence[Condition] = (),
    ) -> pa.RecordBatchReader:
        """Stream rows, see ``Target.read``. Ends with a query's error only where the service fails midway."""
        with explained(self._place):
            connection = self._connect()
            standing = must_find(connection, table)
            cut_by = standing.partition_column
            counted = reading.counts(connection, table, cut_by) if cut_by else {}
        there = sorted({*filter(None, counted), *standing.remembered.days})
        standing.require("partition", map(str, partitions or ()), map(str, there))
        names = standing.arrow.names
        standing.require("column", (*(columns or ()), *(term[0] for term in where)), names)
        last = [cut_by] if cut_by else []
        chosen = list(columns) if columns is not None else [name for name in names if name != cut_by] + last
        schema = pa.schema([standing.arrow.field(name) for name in chosen])
        days = there if partitions is None else list(partitions)
        parts = [(cut_by, "=", day) for day in days] if cut_by else [None]
        return reading.stream(connection, table, schema, parts, where)  # type: ignore[arg-type]

    def partitions(self, table: str) -> dict[date | None, Held]:
        """What stands in the store now, by query, with the facts of the loads that brought it."""
        with explained(self._place):
            connection = self._connect()
            standing = find(connection, table)
            if standing is None:
                return {}
            counted = reading.counts(connection, table, standing.partition_column)
        emptied: dict[date | None, int] = dict.fromkeys(standing.remembered.days, 0)
        known = emptied | counted
        return {
            day: Held(known[day], standing.remembered.facts(day)) for day in sorted(known, key=partition_key)
        }

    def held(self, table: str, partition: date | None) -> Held | None:
        """One partition as it stands: two small queries, whatever the table's size."""
        with explained(self._place):
            connection = self._connect()
            standing = find(connection, table)
            return None if standing is None else standing.held(connection, partition)

    def totals(self, table: str, partition: date | None, columns: Sequence[str]) -> Totals:
        """Count rows and add up columns exactly, see ``Target.totals``."""
        with explained(self._place):
            connection = self._connect()
            standing = find(connection, table)
            if standing is None:
                return Totals(0, dict.fromkeys(columns, reading.ZERO))
            standing.require("column", columns, standing.arrow.names)
            part = standing.part(partition)
            return reading.totals(connection, table, standing.arrow, part, columns)

    def select(self, sql: str) -> pa.RecordBatchReader:
        """Run one SELECT, see ``Selects``; integers come as int64, whatever their columns were given as."""
        with explained(self._place):
            return reading.select(self._connect(), checked_select(sql), self.labels)

    def sql_name(self, table: str) -> str:
        """Project, dataset and table, quoted."""
        return self._place.sql(table)

    def full_name(self, table: str) -> str:
        """``project.dataset.table``."""
        return f"{self._place.project}.{self._place.dataset}.{table}"

    def uri(self, table: str, partition: date | None = None) -> str:
        """``bigquery://project/dataset/table``, with ``$202401`` for a partition."""
        name = decorated(checked_table(table), partition)
        return f"bigquery://{self._place.project}/{self._place.dataset}/{name}"

    def example_query(self, table: str, partition: date | None) -> str:
        """For the console or ``bq query --nouse_legacy_sql``; it reads, and is billed for, one partition."""
        month = f" WHERE {quoted(self.partition_column)} = {date_literal(partition)}" if partition else ""
        return f"SELECT * FROM {self.sql_name(table)}{month} LIMIT {EXAMPLE_ROWS}"  # noqa: S608

    @property
    def _place(self) -> Place:
        return parse_url(self.url)

    @property
    def _way(self) -> str:
        if self.replace_by != "auto":
            return self.replace_by
        return "transaction" if emulator() else "write_truncate"

    def _connect(self) -> Connection:
        return connect(self._place, self.retry_deadline_s, self.job_timeout_s)

    def _in_order(self, table: str, partition: date | None, names: Sequence[str]) -> bool:
        """Whether the table has these columns in this order: the emulator loads Parquet by position."""
        with explained(self._place):
            standing = find(self._connect(), table)
        last = [] if partition is None else [self.partition_column]
        return standing is None or standing.arrow.names == [*names, *last]

    def _check_partition(self, table: str, partition: date | None) -> None:
        if checked_table(table) == LEDGER:
            raise TargetError(
                f"{LEDGER!r} is the table in which this target remembers facts: choose another name"
            )
        if partition is not None and partition.day != 1:
            raise TargetError(
                f"{partition} is not the first day of a month, and tables here are cut by month"
            )

    def _layout(
        self, standing: StoredTable | None, table: str, partition: date | None, incoming: pa.Schema
    ) -> Layout:
        cut_by = None if partition is None else self.partition_column
        if standing is not None and standing.partition_column != cut_by:
            raise TargetError(
                f"table {table!r} is cut by {standing.partition_column or 'nothing'}, this load by "
                f"{cut_by or 'nothing'}: give it another table, or drop that one"
            )
        known = None if standing is None else standing.arrow
        return merge(table, known, incoming, self.partition_column, cut=partition is not None)

    def _replace(
        self,
        connection: Connection,
        table: str,
        partition: date | None,
        standing: StoredTable | None,
        layout: Layout,
        source: Source,
        facts: Facts,
    ) -> Report:
        begun = time.monotonic()
        before = None if standing is None else standing.held(connection, partition)
        told = labels({**self.labels, "table": table})
        cluster_by = tuple(name for name in self.cluster_by if name in layout.arrow.names)
        cut_by = None if partition is None else self.partition_column
        if standing is None:
            connection.ensure_dataset()
            create(connection, table, layout, cut_by, cluster_by, told)
        else:
            describe(connection, standing.table, layout, told)
            cluster_by = tuple(standing.table.clustering_fields or ())
        Ledger(connection).ensure()  # also for a table that somebody else made
        remembered = Standing() if standing is None else standing.remembered
        entry = remembered.entry(partition)
        month = "" if partition is None else f"{partition:%Y-%m}"
        job_labels = labels({**self.labels, "table": table, "month": month, "run": facts.get("run", "")})
        work = Work(
            table=table,
            partition=partition,
            partition_column=self.partition_column,
            layout=layout,
            exists=standing is not None,
            cluster_by=cluster_by,
            source=source,
            facts=facts,
            labels=job_labels,
            staging_life=self.staging_life_s,
            previous="" if entry is None else entry.job,
            unsettled=remembered.unsettled.get(partition_key(partition), ()),
        )
        done: Done = _WAYS[self._way](connection, work)
        seconds = {"load": time.monotonic() - begun - done.swap, "swap": done.swap}
        return Report(done.rows, done.bytes, None if before is None else before.rows, seconds)
