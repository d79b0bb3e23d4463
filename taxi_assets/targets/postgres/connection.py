"""Connecting to Postgres, and saying what to do when it refuses."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import psycopg
from psycopg.conninfo import conninfo_to_dict

from taxi_assets.targets.target import TargetError

Connection: TypeAlias = psycopg.Connection[tuple[object, ...]]

_SESSION = {
    # A loader's host that vanishes holds its month's lock until the server finds out: 60 s, not 2 h.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "datestyle": "ISO, YMD",
    "timezone": "UTC",
    "statement_timeout": "0",  # a month takes its time, whatever the role's default for people is
    "idle_in_transaction_session_timeout": "0",  # the producer of a stream may be slow
}

_SETTLED = re.compile(
    r"authentication failed|no password supplied|no pg_hba\.conf entry|does not exist|permission denied|"
    r"is not permitted to log in"
)
"""What a server says when another try would end the same. Messages are English unless lc_messages is set."""


def connect(url: str, timeout: float) -> Connection:
    """A connection in autocommit mode with settings that a load needs.

    Raises:
        TargetError: The URL is none, or the server knows us not: a setting must change.
        psycopg.OperationalError: No answer; it may come later.
    """
    place = address(url)
    try:
        connection = psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=max(2, round(timeout)),
            application_name="taxi_assets",
            client_encoding="UTF8",
            prepare_threshold=None,  # prepared statements would break behind a pooler
        )
    except psycopg.OperationalError as error:
        message = f"can't connect to Postgres at {place}: {_one_line(error)}"
        if _SETTLED.search(str(error)):
            raise TargetError(
                f"{message}. Check user, password, database in TAXI_POSTGRES_URL; the role needs LOGIN and "
                "CONNECT on the database"
            ) from error
        raise psycopg.OperationalError(
            f"{message}. Is the server up, and is TAXI_POSTGRES_URL right?"
        ) from error
    values = [word for pair in _SESSION.items() for word in pair]
    calls = ", ".join(["set_config(%s, %s, false)"] * len(_SESSION))
    connection.execute(f"SELECT {calls}".encode(), values)
    return connection


def address(url: str) -> str:
    """``host:port/database`` of a URL, without user and password."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # The driver's message quotes the part it stumbled over, which may be the password.
        raise TargetError(
            "TAXI_POSTGRES_URL is no Postgres URL like postgresql://user:password@host:port/database, "
            "with special characters in the password percent-encoded"
        ) from None
    host = str(parts.get("host") or parts.get("hostaddr") or "localhost")
    port = str(parts.get("port") or 5432)
    return f"{host}:{port}/{parts.get('dbname') or parts.get('user') or ''}"


@contextmanager
def refusals(connection: Connection, schema: str, table: str) -> Iterator[None]:
    """Turn what Postgres refuses for good into a ``TargetError`` that says what helps."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        info = connection.info
        raise TargetError(
            f"role {info.user} may not write {schema}.{table}: {_one_line(error)}. Either GRANT CREATE "
            f"ON DATABASE {info.dbname} TO {info.user}, or CREATE SCHEMA {schema} and GRANT USAGE, CREATE ON "
            f"SCHEMA {schema} TO {info.user}; a table that exists must be its own (ALTER TABLE ... OWNER TO "
            f"{info.user})"
        ) from error
    except psycopg.errors.DependentObjectsStillExist as error:
        raise TargetError(
            f"{schema}.{table} can't be replaced, something depends on it: {error}. Drop that, or build it "
            "on a partitioned table"
        ) from error
    except (
        psycopg.DataError,
        psycopg.IntegrityError,
        psycopg.ProgrammingError,
        psycopg.NotSupportedError,
    ) as error:
        raise TargetError(f"Postgres refuses {schema}.{table}: {error}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
