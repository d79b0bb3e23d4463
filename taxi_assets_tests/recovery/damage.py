"""What people and machines do to stores behind Dagster's back."""

from collections.abc import Callable
from typing import TypeAlias

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from psycopg import sql

from taxi_assets.tlc.services import parse_month
from taxi_assets_tests.assets.graph import Graph

Damage: TypeAlias = Callable[[Graph, str, str], None]
"""Given a graph, a service and a month."""


def drop_postgres_partition(graph: Graph, service: str, month: str) -> None:
    child = sql.Identifier("taxi", f"{service}_trips_{month.replace('-', '_')}_01")
    with psycopg.connect(graph.postgres_url) as connection:
        names = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass",
            [f"taxi.{service}_trips"],
        ).fetchall()
        (name,) = (str(row[0]) for row in names if month.replace("-", "") in str(row[0]).replace("_", ""))
        child = sql.Identifier(*name.split("."))
        connection.execute(sql.SQL("DROP TABLE {}").format(child))


def delete_postgres_rows(graph: Graph, service: str, month: str) -> None:
    query = sql.SQL(
        "DELETE FROM {0} WHERE (tableoid, ctid) IN "
        "(SELECT tableoid, ctid FROM {0} WHERE trip_month = %s LIMIT 2)"
    ).format(sql.Identifier("taxi", f"{service}_trips"))
    with psycopg.connect(graph.postgres_url) as connection:
        assert connection.execute(query, [parse_month(month)]).rowcount == 2


def drop_postgres_table(graph: Graph, service: str, month: str) -> None:
    with psycopg.connect(graph.postgres_url) as connection:
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier("taxi", f"{service}_trips")))


def delete_warehouse_month(graph: Graph, service: str, month: str) -> None:
    _duckdb(graph, f'DELETE FROM "{service}_trips" WHERE trip_month = ?', month)
    _duckdb(graph, f"DELETE FROM _partitions WHERE table_name = '{service}_trips' AND partition = ?", month)


def delete_warehouse_rows(graph: Graph, service: str, month: str) -> None:
    some = f'SELECT rowid FROM "{service}_trips" WHERE trip_month = ? LIMIT 3'
    _duckdb(graph, f'DELETE FROM "{service}_trips" WHERE rowid IN ({some})', month)


def double_warehouse_rows(graph: Graph, service: str, month: str) -> None:
    table = f'"{service}_trips"'
    _duckdb(graph, f"INSERT INTO {table} SELECT * FROM {table} WHERE trip_month = ? LIMIT 5", month)


def drop_warehouse_table(graph: Graph, service: str, month: str) -> None:
    with graph.opened_warehouse() as connection:
        connection.execute(f'DROP TABLE "{service}_trips"')


def delete_lake(graph: Graph, service: str, month: str) -> None:
    graph.file("lake", service, month).unlink()


def delete_cleaned(graph: Graph, service: str, month: str) -> None:
    graph.file("cleaned", service, month).unlink()


def delete_quarantined(graph: Graph, service: str, month: str) -> None:
    graph.file("quarantined", service, month).unlink()


def delete_raw(graph: Graph, service: str, month: str) -> None:
    graph.raw_file(service, month).unlink()


def cut_raw(graph: Graph, service: str, month: str) -> None:
    path = graph.raw_file(service, month)
    path.write_bytes(path.read_bytes()[:-7])


def lose_rows(stage: str) -> Damage:
    def damage(graph: Graph, service: str, month: str) -> None:
        _rewrite(graph, stage, service, month, lambda table: table.slice(2))

    damage.__name__ = f"lose_rows_of_{stage}"
    return damage


def _rewrite(
    graph: Graph, stage: str, service: str, month: str, change: Callable[[pa.Table], pa.Table]
) -> None:
    path = graph.file(stage, service, month)
    table = pq.ParquetFile(path).read()
    pq.write_table(change(table).replace_schema_metadata(table.schema.metadata), path)


def _duckdb(graph: Graph, statement: str, month: str) -> None:
    with graph.opened_warehouse() as connection:
        connection.execute(statement, [parse_month(month)])
