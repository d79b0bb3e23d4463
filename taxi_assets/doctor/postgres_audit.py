"""Whether the audit trail can be written, found by making it in a transaction that is rolled back."""

from collections.abc import Iterator

import psycopg

from taxi_assets.audit.table import TABLE, create, grants, may_write, remedy
from taxi_assets.doctor.finding import About, Finding
from taxi_assets.settings import Settings
from taxi_assets.targets.postgres.connection import Connection

_ABOUT = About("TAXI_POSTGRES_SCHEMA")


def examine_audit(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """The trail as it stands, or as the first load would make it; nothing where none is kept."""
    if "postgres" not in settings.targets:
        return
    schema, role = settings.audit_schema, connection.info.user
    name = f"{schema}.{TABLE}"
    written = may_write(connection, schema)
    if written:
        yield _ABOUT.ok("audit trail", f"{name} is there; {role} may read it and add to it")
        return
    if written is False:
        yield _ABOUT.problem("audit trail", f"{role} may not write {name}", f"{grants(connection, schema)}.")
        return
    try:
        with connection.transaction(force_rollback=True):
            create(connection, schema)
    except psycopg.errors.InsufficientPrivilege as error:
        found = f"{name} is not there, and {error.diag.message_primary}"
        yield _ABOUT.problem("audit trail", found, f"{remedy(connection, schema)}.")
    except psycopg.errors.ReadOnlySqlTransaction:
        return  # what is wrong with that has been said
    else:
        yield _ABOUT.ok("audit trail", f"{name} is not there yet, the first load makes it")
