"""Who is in the way of a swap, and how autovacuum is made to leave."""

from contextlib import suppress

import psycopg
from psycopg import sql

from taxi_assets.targets.postgres.catalog import children, find_table
from taxi_assets.targets.postgres.connection import Connection
from taxi_assets.targets.postgres.plan import Load

_NOT_NOW = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.UndefinedTable,  # another month was swapped since we listed it
)


def send_autovacuum_away(connection: Connection, load: Load) -> None:
    """Make autovacuum leave what the next attempt locks.

    Autovacuum is cancelled for whoever waits for it longer than ``deadlock_timeout`` (1 s): an attempt of
    100 ms never does. This lock may wait for that long, as it lets readers through, and those who write.
    """
    with suppress(*_NOT_NOW), connection.transaction():
        connection.execute(
            "SELECT set_config('lock_timeout', (setting::int + 500) || 'ms', true) "
            "FROM pg_settings WHERE name = 'deadlock_timeout'"
        )
        lock = sql.SQL("LOCK TABLE ONLY {} IN SHARE UPDATE EXCLUSIVE MODE")
        for name in _in_the_way(connection, load):
            connection.execute(lock.format(name))


def holders(connection: Connection, load: Load) -> str:
    """Sessions that have a lock on what an attempt needs, as far as our role may see them."""
    names = [name.as_string(connection) for name in _in_the_way(connection, load)]
    rows = connection.execute(
        """
        SELECT DISTINCT format('pid %%s (%%s, %%s)', l.pid,
            coalesce(nullif(s.application_name, ''), 'unnamed'), coalesce(s.state, 'state unknown'))
        FROM pg_locks l LEFT JOIN pg_stat_activity s USING (pid)
        WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_backend_pid()
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND l.relation IN (SELECT to_regclass(name)::oid FROM unnest(%s::text[]) AS name)
        """,
        [names],
    ).fetchall()
    return ", ".join(str(row[0]) for row in rows) or "they left just now"


def _in_the_way(connection: Connection, load: Load) -> list[sql.Identifier]:
    """Tables that an attempt needs for itself, in the order in which it locks them."""
    standing = find_table(connection, load.schema, load.table)
    present = children(connection, standing.oid) if standing else {}
    if standing and set(load.types) <= set(standing.columns):
        present = {day: child for day, child in present.items() if day == load.partition}
    names = [load.identifier(load.table)] if standing else []
    names += [sql.Identifier(child.schema, child.name) for child in present.values()]
    return [*names, load.identifier(load.staging)]
