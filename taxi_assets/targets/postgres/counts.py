"""What stands in the store, counted row by row and never believed from a note."""

from datetime import date

from psycopg import sql

from taxi_assets.targets.postgres.catalog import TableInfo, children, noted_facts
from taxi_assets.targets.postgres.connection import Connection
from taxi_assets.targets.target import Held

_COUNT = sql.SQL("SELECT count(*) FROM {}")


def count_all(connection: Connection, table: sql.Identifier, standing: TableInfo) -> dict[date | None, Held]:
    """Every partition with its rows, found by one scan."""
    if standing.kind != "p":
        return {None: Held(_number(connection, _COUNT.format(table)), noted_facts(standing.comment))}
    with connection.transaction():
        _keep_partitions(connection, table)
        listed = children(connection, standing.oid)
        query = sql.SQL("SELECT tableoid, count(*) FROM {} GROUP BY tableoid").format(table)
        counts = {int(str(oid)): int(str(rows)) for oid, rows in connection.execute(query).fetchall()}
    return {day: Held(counts.get(child.oid, 0), noted_facts(child.comment)) for day, child in listed.items()}


def count_one(
    connection: Connection, table: sql.Identifier, standing: TableInfo, partition: date | None
) -> Held | None:
    """One partition with its rows, found by a scan of that partition, or None."""
    if (partition is None) != (standing.kind != "p"):
        return None
    if partition is None:
        return count_all(connection, table, standing)[None]
    with connection.transaction():
        _keep_partitions(connection, table)
        child = children(connection, standing.oid).get(partition)
        if child is None:
            return None
        rows = _number(connection, _COUNT.format(sql.Identifier(child.schema, child.name)))
        return Held(rows, noted_facts(child.comment))


def _keep_partitions(connection: Connection, table: sql.Identifier) -> None:
    """Keep every partition attached to the end of the transaction, so that list and counts agree."""
    connection.execute(sql.SQL("LOCK TABLE ONLY {} IN ACCESS SHARE MODE").format(table))


def _number(connection: Connection, query: sql.Composed) -> int:
    row = connection.execute(query).fetchone()
    return int(str(row[0])) if row else 0
