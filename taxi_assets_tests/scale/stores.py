"""What stands in the stores of a cluster, asked of the stores themselves: every row, by month."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import psycopg
import pyarrow.parquet as pq
from psycopg import sql

from taxi_assets_tests.scale.cluster import DATASET, PROJECT, Cluster

Months: TypeAlias = "dict[str, Counter[tuple[object, ...]]]"
"""The rows of each month, as a multiset: a month that is there twice has every row twice."""

TABLE = "green_trips"


@dataclass(frozen=True)
class Stores:
    """A look into the stores of a cluster, past the product."""

    cluster: Cluster

    def files(self, stage: str) -> dict[str, list[Path]]:
        """The objects of each month in the lake."""
        found: dict[str, list[Path]] = defaultdict(list)
        for path in sorted((self.cluster.lake / "lake" / stage / TABLE).glob("trip_month=*/*")):
            found[path.parent.name.removeprefix("trip_month=")[:7]].append(path)
        return dict(found)

    def columns(self) -> list[str]:
        """Of the cleaned rows."""
        return list(pq.read_schema(next(iter(self.files("cleaned").values()))[0]).names)

    def in_lake(self, stage: str) -> Months:
        """By the Parquet files of a table."""
        names = self.columns()
        tables = {
            month: [pq.ParquetFile(path).read().select(names) for path in paths]
            for month, paths in self.files(stage).items()
        }
        return {
            month: Counter(row for table in found for row in zip(*table.to_pydict().values(), strict=True))
            for month, found in tables.items()
        }

    def in_postgres(self) -> Months:
        """By SQL."""
        query = sql.SQL("SELECT trip_month, {} FROM taxi.{}").format(
            sql.SQL(", ").join(map(sql.Identifier, self.columns())), sql.Identifier(TABLE)
        )
        with psycopg.connect(self.cluster.variables["TAXI_POSTGRES_URL"]) as connection:
            return _by_month(connection.execute(query).fetchall())

    def in_warehouse(self) -> Months:
        """By SQL."""
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import bigquery

        client = bigquery.Client(
            project=PROJECT,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options={"api_endpoint": self.cluster.variables["BIGQUERY_EMULATOR_HOST"]},
        )
        names = ", ".join(f"`{name}`" for name in self.columns())
        rows = client.query(f"SELECT trip_month, {names} FROM `{PROJECT}.{DATASET}.{TABLE}`").result()
        return _by_month(row.values() for row in rows)


def _by_month(rows: Iterable[Sequence[object]]) -> Months:
    found: Months = defaultdict(Counter)
    for month, *row in rows:
        found[str(month)[:7]][tuple(row)] += 1
    return dict(found)
