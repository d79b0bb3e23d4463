"""The table of the audit trail: its columns, how it is made, and what keeps it from being changed.

A trigger refuses every change of an entry, also to the role that owns the table. That role can still drop
the trigger; where it mustn't, an administrator makes the table, out of ``taxi-assets audit --sql``, and the
loading role gets SELECT and INSERT and nothing else.
"""

from dataclasses import dataclass

import psycopg
from psycopg import sql

from taxi_assets.targets.postgres.connection import Connection
from taxi_assets.targets.target import TargetError

TABLE, VIEW = "loads", "standing"


@dataclass(frozen=True)
class Column:
    """One column of the trail.

    Attributes:
        name: As it is called.
        type: In Postgres, with what else belongs to its definition.
        meaning: Its comment.
        fact: The fact that it holds, where it is one that stores keep with the rows.
    """

    name: str
    type: str
    meaning: str
    fact: str = ""


COLUMNS = (
    Column("load_id", "uuid PRIMARY KEY", "number of the replace; the store keeps it with the rows"),
    Column("service", "text NOT NULL", "yellow, green, fhv or fhvhv"),
    Column("trip_month", "date NOT NULL", "first day of the month that was replaced"),
    Column("target", "text NOT NULL", "raw, cleaned, quarantined, postgres, lake or warehouse"),
    Column("run_id", "text NOT NULL", "Dagster's run", "run_id"),
    Column("code_version", "text", "version of the code that made the rows", "code_version"),
    Column("version", "text", "version of the content: file, rules, schema and code together", "version"),
    Column("source_url", "text", "the published file", "url"),
    Column("etag", "text", "its ETag", "etag"),
    Column("last_modified", "timestamptz", "its Last-Modified", "last_modified"),
    Column("sha256", "text", "of its bytes", "sha256"),
    Column("rows_raw", "bigint", "rows of the published file"),
    Column("rows_cleaned", "bigint", "rows of it that were valid"),
    Column("rows_quarantined", "bigint", "rows of it that a rule rejected"),
    Column("quarantined_by_reason", "jsonb", "rejected rows by rule; a row counts under each", "reasons"),
    Column("rows_standing", "bigint", "rows that stand in the target since"),
    Column("rows_replaced", "bigint", "rows that stood there before; null if the month was new"),
    Column("started", "timestamptz", "when the replace began", "started_at"),
    Column("finished", "timestamptz", "when it was done; null if a later run had to write the entry"),
    Column("launched_by", "text NOT NULL", "backfill, schedule, automation, sensor, or user@host"),
    Column("role", "text NOT NULL DEFAULT session_user", "the database role that wrote the entry"),
    Column("recorded", "timestamptz NOT NULL DEFAULT clock_timestamp()", "when it was written"),
)

BY_DEFAULT = ("role", "recorded")
"""Columns that the server fills in."""

REFUSAL = "the audit trail is append-only: entries are neither changed nor deleted"

_LOCK_KEY = "taxi_assets:audit"


def create_statements(schema: str) -> list[sql.Composed]:
    """Everything that makes the trail in a schema that is there."""
    table, view = sql.Identifier(schema, TABLE), sql.Identifier(schema, VIEW)
    function = sql.Identifier(schema, "refuse_change")
    columns = sql.SQL(",\n").join(
        sql.SQL("    {} {}").format(sql.Identifier(column.name), sql.SQL(column.type)) for column in COLUMNS
    )
    comments = [
        sql.SQL("COMMENT ON COLUMN {} IS {}").format(
            sql.Identifier(schema, TABLE, column.name), sql.Literal(column.meaning)
        )
        for column in COLUMNS
    ]
    return [
        sql.SQL("CREATE TABLE {} (\n{}\n)").format(table, columns),
        sql.SQL("COMMENT ON TABLE {} IS 'One entry for each replace of a month in a target'").format(table),
        *comments,
        sql.SQL("CREATE INDEX ON {} (service, trip_month, target)").format(table),
        sql.SQL(
            "CREATE VIEW {} AS\n"
            "SELECT DISTINCT ON (service, trip_month, target) * FROM {}\n"
            "ORDER BY service, trip_month, target, coalesce(finished, started) DESC, recorded DESC"
        ).format(view, table),
        sql.SQL("COMMENT ON VIEW {} IS 'The last entry of each month and target: what stands'").format(view),
        sql.SQL(
            "CREATE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql AS\n"
            "$$BEGIN RAISE insufficient_privilege USING MESSAGE = {}; END$$"
        ).format(function, sql.Literal(REFUSAL)),
        sql.SQL(
            "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {}\n"
            "FOR EACH STATEMENT EXECUTE FUNCTION {}()"
        ).format(table, function),
        # ALWAYS: session_replication_role = replica would switch off an ordinary one.
        sql.SQL("ALTER TABLE {} ENABLE ALWAYS TRIGGER append_only").format(table),
    ]


def script(schema: str) -> str:
    """The same for an administrator's psql, with the schema."""
    made = sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema))
    statements = [statement.as_string() for statement in [made, *create_statements(schema)]]
    return ";\n".join(["BEGIN", *statements, "COMMIT", ""])


def ensure_table(connection: Connection, schema: str) -> None:
    """Make the trail if it is not there; of several processes, one does.

    Raises:
        TargetError: The role may not make it, or not write it: says what an administrator has to run.
    """
    if stands(connection, schema):
        return
    try:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [_LOCK_KEY])
            if not stands(connection, schema):
                create(connection, schema)
    except psycopg.errors.InsufficientPrivilege as error:
        said = error.diag.message_primary
        raise TargetError(
            f"there is no audit trail {schema}.{TABLE}, and {said}. {remedy(connection, schema)}"
        ) from error


def create(connection: Connection, schema: str) -> None:
    """Make schema and trail, inside a transaction. IF NOT EXISTS would want the right for a schema anyway."""
    if not connection.execute("SELECT FROM pg_namespace WHERE nspname = %s", [schema]).fetchall():
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    for statement in create_statements(schema):
        connection.execute(statement)


def stands(connection: Connection, schema: str) -> bool:
    """Whether the trail is there, and ours to write.

    Raises:
        TargetError: It is there, but the role may not read and write it.
    """
    written = may_write(connection, schema)
    if written is False:
        raise TargetError(
            f"role {connection.info.user} may not write the audit trail {schema}.{TABLE}. "
            f"An administrator runs: {grants(connection, schema)}"
        )
    return written is not None


def may_write(connection: Connection, schema: str) -> bool | None:
    """Whether the role may read the trail and add to it; None if there is none."""
    found = connection.execute(
        """
        SELECT has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
            AND has_table_privilege(c.oid, 'INSERT')
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s
        """,
        [schema, TABLE],
    ).fetchone()
    return bool(found[0]) if found else None


def remedy(connection: Connection, schema: str) -> str:
    """What an administrator has to do where the role can't make the trail."""
    role, database = connection.info.user, connection.info.dbname
    return (
        f"GRANT CREATE ON DATABASE {database} TO {role}; or an administrator runs what "
        f"`taxi-assets audit --sql` prints, and {grants(connection, schema)}"
    )


def grants(connection: Connection, schema: str) -> str:
    """The rights that a loading role needs, and no more."""
    role = connection.info.user
    return f"GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT SELECT, INSERT ON {schema}.{TABLE} TO {role}"
