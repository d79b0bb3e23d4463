"""What stands in the store, counted row by row and never believed from a note."""

from contextlib import suppress
from datetime import date

import psycopg
from psycopg import sql

from taxi_assets.targets.postgres.catalog import Child, TableInfo, children, noted_facts
from taxi_assets.targets.postgres.connection import Connection
from taxi_assets.targets.target import Held

_COUNT = sql.SQL("SELECT count(*) FROM {}")


def count_all(connection: Connection, table: sql.Identifier, standing: TableInfo) -> dict[date | None, Held]:
    """Every partition with its rows, each counted by itself.

    One scan of the whole table would keep every month from being swapped until it ended, which is minutes
    at a billion rows, and loads would give up.
    """
    if standing.kind != "p":
        return {None: Held(_number(connection, _COUNT.format(table)), noted_facts(standing.comment))}
    listed = children(connection, standing.oid)
    counted = ((day, _count_child(connection, standing.oid, child)) for day, child in listed.items())
    return {day: held for day, held in counted if held}


def _count_child(connection: Connection, parent: int, listed: Child) -> Held | None:
    """One partition, or None if it has gone meanwhile; nothing but itself is locked.

    Under its lock it alone is looked up again. The list, with every month's comment, is read anew only if the
    month was swapped since: read for each of 200 months, it would be 40,000 comments.
    """
    child: Child | None = listed
    while child:
        name, day = sql.Identifier(child.schema, child.name), child.partition
        with suppress(psycopg.errors.UndefinedTable), connection.transaction():
            connection.execute(sql.SQL("LOCK TABLE ONLY {} IN ACCESS SHARE MODE").format(name))
            if children(connection, parent, child.oid).get(day) == child:
                return Held(_number(connection, _COUNT.format(name)), noted_facts(child.comment))
        child = children(connection, parent).get(day)
    return None


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
