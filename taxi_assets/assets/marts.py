"""The marts as assets: a month of each is one SELECT in the warehouse, whose result is stored there.

Its version is made of its SQL and of the versions of the warehouse's months that it was made of, so a run
over months in which nothing changed passes over them. The versions are asked first and the rows afterwards: a
month that is replaced in between gives the mart a version that is too old, never one that is too new, and the
next run makes it again.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

import pyarrow as pa
from dagster import (
    AssetDep,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    BackfillPolicy,
    Failure,
    MetadataValue,
    ResourceParam,
    TableColumn,
    TableSchema,
    TimeWindowPartitionMapping,
    asset,
)

from taxi_assets.assets.common import OWNERS, partitions_of_all, retry_policy, trips_key
from taxi_assets.assets.following import FOLLOWS_WAREHOUSE
from taxi_assets.marts.lineage import lineage
from taxi_assets.marts.query import TABLES, NothingStands, month_query
from taxi_assets.marts.table import MARTS, Mart
from taxi_assets.settings import Settings
from taxi_assets.targets.failures import refusals
from taxi_assets.targets.lazy import LazyPartition, LazyPartitions
from taxi_assets.targets.selecting import Selects
from taxi_assets.targets.target import Held, Lineage, Target
from taxi_assets.tlc.services import SERVICES, parse_month

GROUP = "marts"
WAREHOUSE = "warehouse"

MONTHS_PER_RUN = 48
"""Of a backfill: a month takes a second or two, as long as the start of a run takes four."""


def mart_key(mart: Mart) -> AssetKey:
    """``marts/trips_daily``."""
    return AssetKey([GROUP, mart.name])


def mart_assets(settings: Settings, kinds: set[str]) -> list[AssetsDefinition]:
    """Every mart; none where the warehouse is switched off."""
    if WAREHOUSE not in settings.targets:
        return []
    return [_mart_asset(mart, settings, kinds) for mart in MARTS]


def _mart_asset(mart: Mart, settings: Settings, kinds: set[str]) -> AssetsDefinition:
    # A mart begins with the first service; the months that another one does not have are none of its.
    months = TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)
    trips = [AssetDep(trips_key(WAREHOUSE, one), partition_mapping=months) for one in SERVICES.values()]

    @asset(
        key=mart_key(mart),
        deps=[*trips, *(AssetKey([WAREHOUSE, name]) for name in mart.joins)],
        description=mart.what,
        io_manager_key="warehouse_io",
        group_name=GROUP,
        owners=OWNERS,
        kinds={"sql", *kinds} - {WAREHOUSE},
        code_version="1",
        metadata={
            "dagster/column_schema": TableSchema(
                [TableColumn(one.name, str(one.kind), one.description) for one in mart.columns]
            )
        },
        pool=WAREHOUSE,
        partitions_def=partitions_of_all(),
        backfill_policy=BackfillPolicy.multi_run(MONTHS_PER_RUN),
        retry_policy=retry_policy(settings),
        automation_condition=FOLLOWS_WAREHOUSE,
    )
    def made(context: AssetExecutionContext, warehouse: ResourceParam[Target]) -> LazyPartitions:
        return LazyPartitions(
            context.partition_keys, lambda key: MartMonth(mart, warehouse, parse_month(key)).partition()
        )

    return made


class MartMonth:
    """One month of a mart, by what stands in the warehouse now."""

    def __init__(self, mart: Mart, warehouse: Target, month: date) -> None:
        """Ask the warehouse what it has of the month.

        Raises:
            Failure: The warehouse answers no SQL.
        """
        if not isinstance(warehouse, Selects):
            raise Failure(
                f"{type(warehouse).__name__} answers no SELECT, which marts need: see targets/selecting.py",
                allow_retries=False,
            )
        self._mart, self._store, self._month = mart, warehouse, month
        with refusals():
            begun = [table for table, service in TABLES.items() if SERVICES[service].first_month <= month]
            wanted = {**dict.fromkeys(begun, month), **dict.fromkeys(mart.joins)}
            found = {table: warehouse.held(table, when) for table, when in wanted.items()}
        self._made_of = {table: _identity(held) for table, held in found.items() if held is not None}
        self._sql = self._query()

    def partition(self) -> LazyPartition:
        """The month's rows, not asked for yet."""
        known = json.dumps([self._sql, self._made_of, str(self._mart.schema)], sort_keys=True)
        version = hashlib.sha256(known.encode()).hexdigest()[:16]
        facts = {"version": version, "made_of": json.dumps(self._made_of, sort_keys=True)}
        return LazyPartition(
            open=self._open,
            facts=facts,
            metadata=self._metadata,
            lineage=column_lineage(self._mart, frozenset(self._made_of)) if self._sql else {},
        )

    def _query(self) -> str | None:
        try:
            return month_query(
                self._mart, self._month, self._store.dialect, self._made_of, self._store.sql_name
            )
        except NothingStands:
            return None

    @contextmanager
    def _open(self) -> Iterator[pa.Table]:
        schema = self._mart.schema
        if self._sql is None:
            yield schema.empty_table()
            return
        with refusals():
            rows = self._store.select(self._sql).read_all()
        # A warehouse has its own widths of numbers; the mart's are those of its columns.
        columns = [rows[field.name].cast(field.type) for field in schema]
        yield pa.Table.from_arrays(columns, schema=schema)

    def _metadata(self) -> Mapping[str, Any]:
        services = [name for table, name in TABLES.items() if table in self._made_of]
        if self._sql is None:
            return {"services": "none"}
        return {
            "services": ", ".join(services),
            "made_by": MetadataValue.md(f"```sql\n{self._sql}\n```"),
        }


def column_lineage(mart: Mart, there: frozenset[str]) -> Lineage:
    """Which columns of which warehouse assets each column is made of."""
    return {
        name: [((WAREHOUSE, table), column) for table, column in pairs]
        for name, pairs in lineage(mart, there).items()
        if pairs
    }


def _identity(held: Held) -> str:
    """What tells the rows that stand from others: a version, or the load that brought them; and how many."""
    return f"{held.version or held.facts.get('load_id', '')} {held.rows}"
