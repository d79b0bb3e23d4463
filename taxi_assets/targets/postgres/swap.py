"""Putting a filled staging table in its place, in one short transaction that never makes readers wait.

DETACH needs the parent and the old month for itself, not the other months: whatever goes on there, a
VACUUM or a long export, is no obstacle. While it waits for a reader, every new reader queues behind it;
so it waits 100 ms at most, then lets everyone through and tries again.

``DETACH CONCURRENTLY`` would not wait, but leaves a moment without the month.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count

import psycopg
from psycopg import sql

from taxi_assets.targets.postgres.catalog import TableInfo, children, find_table, noted_table
from taxi_assets.targets.postgres.connection import Connection
from taxi_assets.targets.postgres.locks import holders, send_autovacuum_away
from taxi_assets.targets.postgres.names import STAGING, index_name
from taxi_assets.targets.postgres.plan import Load, clauses, column_definition
from taxi_assets.targets.target import TargetError
from taxi_assets.targets.wanted import still_wanted

_LOCK_KEY = "taxi_assets:"  # advisory locks are one space for a whole database
_PAUSE = (0.02, 0.25)  # seconds between two attempts: enough for those who queued to get through
_PATIENT = 10  # every so many attempts, and before the last one, autovacuum is sent away


def wait_for_turn(connection: Connection, schema: str, staging: str) -> None:
    """Take the lock on a staging table; the session's, so that whoever dies gives it back.

    Whoever holds it is the only one who creates, fills, swaps or drops that table. A staging table
    whose lock is free is therefore left over from a load that died.
    """
    connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [_lock_key(schema, staging)])


def _lock_key(schema: str, name: str) -> str:
    return f"{_LOCK_KEY}{schema}.{name}"


def drop_left_overs(connection: Connection, schema: str, table: str) -> None:
    """Drop staging tables of ``table`` whose loads died. Those of living loads are locked: not touched."""
    names = connection.execute(
        """
        SELECT c.relname::text, obj_description(c.oid, 'pg_class')
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = %s AND c.relkind = 'r' AND NOT c.relispartition
            AND right(c.relname, %s) = %s AND pg_has_role(c.relowner, 'USAGE')
        """,
        [schema, len(STAGING), STAGING],
    ).fetchall()
    for name in [str(name) for name, comment in names if noted_table(str(comment)) == table]:
        key = [_lock_key(schema, name)]
        free = connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", key).fetchone()
        if free == (True,):
            drop_staging(connection, schema, name)
            connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", key)


def drop_staging(connection: Connection, schema: str, staging: str) -> None:
    """Drop a staging table whose lock we hold."""
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(schema, staging)))


def ensure_schema(connection: Connection, schema: str) -> None:
    """Create the schema if it is not there. IF NOT EXISTS alone wants the right to create it anyway."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [_lock_key(schema, "")])
        if not connection.execute("SELECT FROM pg_namespace WHERE nspname = %s", [schema]).fetchall():
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))


def swap(
    connection: Connection,
    load: Load,
    timeout: float,
    lock_timeout_ms: int,
    also: Callable[[], None] | None = None,
) -> None:
    """Put the staging table in the place of the partition; try until ``timeout`` seconds are over.

    ``also`` is called in the transaction of each attempt, so that its work stands if the swap does.

    Raises:
        psycopg.errors.LockNotAvailable: Somebody held the table all the time: says who.
    """
    deadline = time.monotonic() + timeout
    for attempt in count(1):
        last = time.monotonic() >= deadline
        if last or attempt % _PATIENT == 0:
            send_autovacuum_away(connection, load)
        try:
            with connection.transaction():
                _take_turn(connection, load, lock_timeout_ms)
                still_wanted()
                if also:
                    also()  # before the table is locked: nobody needs to wait for it
                _exchange(connection, load)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            if last:
                raise psycopg.errors.LockNotAvailable(
                    f"{load.schema}.{load.child} is loaded but could not be swapped in within {timeout:g} s, "
                    f"because others hold {load.schema}.{load.table}: {holders(connection, load)}. "
                    "Nothing was changed; run it again when they are done"
                ) from error
        else:
            return
        time.sleep(random.uniform(*_PAUSE))  # noqa: S311


def _take_turn(connection: Connection, load: Load, lock_timeout_ms: int) -> None:
    """Swaps of one table take turns: two first loads must not both create it."""
    connection.execute("SELECT set_config('lock_timeout', %s, true)", [f"{lock_timeout_ms}ms"])
    key = _lock_key(load.schema, load.table)
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])


def _exchange(connection: Connection, load: Load) -> None:
    """One attempt, inside a transaction, when our turn has come."""
    standing = find_table(connection, load.schema, load.table)
    if load.partition is None:
        _take_name(connection, load, standing)
        return
    if standing is None:
        connection.execute(_create_parent(load))
        standing = find_table(connection, load.schema, load.table)
    if standing is None or standing.kind != "p":
        raise TargetError(f"{load.schema}.{load.table} was replaced by something else during the load")
    parent = load.identifier(load.table)
    old = children(connection, standing.oid).get(load.partition)
    # At once, at the start and from the parent down, as readers do: a lock that grows on the way is how
    # deadlocks are made. A new column is one for every month; else the other months are left alone.
    lock = sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE")
    if set(load.types) - set(standing.columns):
        connection.execute(lock.format(parent))
    if old:
        old_name = sql.Identifier(old.schema, old.name)
        both = sql.SQL("ONLY {}, ONLY {}").format(parent, old_name)
        connection.execute(lock.format(both))
        connection.execute(sql.SQL("ALTER TABLE {} DETACH PARTITION {}").format(parent, old_name))
        connection.execute(sql.SQL("DROP TABLE {}").format(old_name))
    _level_columns(connection, load, standing)
    _rename(connection, load)
    attach = sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES IN ({})")
    day = sql.Literal(load.partition.isoformat())
    connection.execute(attach.format(parent, load.identifier(load.child), day))
    _describe(connection, load, standing)


def _create_parent(load: Load) -> sql.Composed:
    columns = [column_definition(load, name) for name in load.types]
    columns.append(sql.SQL("{} date NOT NULL").format(sql.Identifier(load.partition_column)))
    create = sql.SQL("CREATE TABLE {} ({}) PARTITION BY LIST ({})")
    name = load.identifier(load.table)
    return create.format(name, sql.SQL(", ").join(columns), sql.Identifier(load.partition_column))


def _level_columns(connection: Connection, load: Load, standing: TableInfo) -> None:
    """Give parent and staging table each other's columns; the parent may have grown during the load."""
    add = sql.SQL("ALTER TABLE {} ADD COLUMN {}")
    for name, kind in load.types.items():
        if name not in standing.columns:
            connection.execute(add.format(load.identifier(load.table), column_definition(load, name)))
        elif standing.columns[name].type != kind:
            raise TargetError(
                f"column {name!r} of {load.schema}.{load.table} became {standing.columns[name].type} "
                f"during the load of {kind}: run it again"
            )
    grown = {name: info for name, info in standing.columns.items() if name not in load.types}
    grown.pop(load.partition_column, None)
    for name, info in grown.items():
        definition = column_definition(replace(load, types={name: info.type}, clauses=clauses(grown)), name)
        connection.execute(add.format(load.identifier(load.staging), definition))


def _take_name(connection: Connection, load: Load, standing: TableInfo | None) -> None:
    """Swap by name, for a table without partitions. Rights given on the old one go over to the new."""
    if standing is not None:
        table = load.identifier(load.table)
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(table))
        _copy_rights(connection, load, standing)
        connection.execute(sql.SQL("DROP TABLE {}").format(table))
    _rename(connection, load)
    kept = {name: info.comment for name, info in standing.columns.items() if info.comment} if standing else {}
    _comment_columns(connection, load, kept | dict(load.comments))


def _copy_rights(connection: Connection, load: Load, standing: TableInfo) -> None:
    grants = connection.execute(
        """
        SELECT format('GRANT %%s ON %%I.%%I TO %%s%%s', a.privilege_type, %s::text, %s::text,
            CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
            CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
        FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = %s AND a.grantee <> c.relowner
        """,
        [load.schema, load.staging, standing.oid],
    ).fetchall()
    for (grant,) in grants:
        connection.execute(str(grant).encode())


def _rename(connection: Connection, load: Load) -> None:
    for _, definition in load.indexes:
        old, new = (index_name(table, definition) for table in (load.staging, load.child))
        rename = sql.SQL("ALTER INDEX {} RENAME TO {}")
        connection.execute(rename.format(load.identifier(old), sql.Identifier(new)))
    rename = sql.SQL("ALTER TABLE {} RENAME TO {}")
    connection.execute(rename.format(load.identifier(load.staging), sql.Identifier(load.child)))


def _describe(connection: Connection, load: Load, standing: TableInfo) -> None:
    """Comments on the parent, where they changed: each takes a lock that keeps other loads waiting."""
    if load.description and load.description != standing.comment:
        comment = sql.SQL("COMMENT ON TABLE {} IS {}")
        connection.execute(comment.format(load.identifier(load.table), sql.Literal(load.description)))
    present = {name: info.comment for name, info in standing.columns.items()}
    changed = {name: text for name, text in load.comments.items() if text != present.get(name)}
    _comment_columns(connection, load, changed)


def _comment_columns(connection: Connection, load: Load, comments: Mapping[str, str]) -> None:
    for name, text in comments.items():
        column = sql.Identifier(load.schema, load.table, name)
        connection.execute(sql.SQL("COMMENT ON COLUMN {} IS {}").format(column, sql.Literal(text)))
