"""What the role may do in Postgres, found by doing it inside a transaction that is rolled back."""

from collections.abc import Iterator

import psycopg
from psycopg import sql

from taxi_assets.doctor.finding import About, Finding
from taxi_assets.targets.postgres.connection import Connection
from taxi_assets.targets.postgres.names import STAGING
from taxi_assets.tlc.services import SERVICES

_ABOUT = About("TAXI_POSTGRES_SCHEMA")
_TABLES = [*(f"{name}_trips" for name in SERVICES), "zones"]
_SHOWN = 3  # names in a sentence


def examine_rights(connection: Connection, schema: str) -> Iterator[Finding]:
    """Whether months can be loaded into ``schema``, and what dead loads left there."""
    yield _create(connection, schema)
    yield from _owners(connection, schema)
    yield _left_overs(connection, schema)


def _create(connection: Connection, schema: str) -> Finding:
    there = bool(connection.execute("SELECT FROM pg_namespace WHERE nspname = %s", [schema]).fetchall())
    try:
        with connection.transaction(force_rollback=True):
            if not there:
                connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
            table = sql.Identifier(schema, "_doctor" + STAGING)
            connection.execute(sql.SQL("CREATE TABLE {} (n int)").format(table))
    except psycopg.errors.InsufficientPrivilege as error:
        return _ABOUT.problem("rights", _said(error), _grants(connection, schema, there))
    except psycopg.errors.ReadOnlySqlTransaction as error:
        return _ABOUT.problem(
            "rights", _said(error), "Let TAXI_POSTGRES_URL name the primary: this is a standby, or read-only."
        )
    state = "is there" if there else "is not there yet, the first load makes it"
    return _ABOUT.ok("rights", f"schema {schema} {state}; {connection.info.user} may create tables in it")


def _grants(connection: Connection, schema: str, there: bool) -> str:
    role, database = connection.info.user, connection.info.dbname
    on_schema = f"GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}"
    if there:
        return f"{on_schema}; or set TAXI_POSTGRES_SCHEMA to a schema of its own."
    return f"GRANT CREATE ON DATABASE {database} TO {role}; or CREATE SCHEMA {schema} and {on_schema}."


def _owners(connection: Connection, schema: str) -> Iterator[Finding]:
    """Tables of our names that are somebody else's: a load would have to alter them."""
    foreign = connection.execute(
        """
        SELECT c.relname::text, pg_get_userbyid(c.relowner)::text
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = %s AND c.relname = ANY(%s) AND NOT pg_has_role(c.relowner, 'USAGE') ORDER BY 1
        """,
        [schema, _TABLES],
    ).fetchall()
    for table, owner in foreign:
        role = connection.info.user
        yield _ABOUT.problem(
            "owner",
            f"table {schema}.{table} belongs to {owner}, so that {role} can't replace its months",
            f"ALTER TABLE {schema}.{table} OWNER TO {role}, and its partitions too.",
        )


def _left_overs(connection: Connection, schema: str) -> Finding:
    rows = connection.execute(
        """
        SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = %s AND c.relkind = 'r' AND NOT c.relispartition AND right(c.relname, %s) = %s
        ORDER BY 1
        """,
        [schema, len(STAGING), STAGING],
    ).fetchall()
    names = [str(row[0]) for row in rows]
    if not names:
        return _ABOUT.ok("left-overs", "no staging table of a dead load")
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return _ABOUT.warning(
        "left-overs",
        f"{len(names)} staging tables in {schema}: {', '.join(names[:_SHOWN])}{more}",
        "If no load runs now, they are left over: the next load of the same table drops them, or DROP TABLE.",
    )


def _said(error: psycopg.Error) -> str:
    return error.diag.message_primary or type(error).__name__
