"""Postgres: does it answer, is it one that our SQL runs on, and may our role do what loads do."""

import re
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from taxi_assets.doctor.finding import About, Finding
from taxi_assets.doctor.postgres_audit import examine_audit
from taxi_assets.doctor.postgres_rights import examine_rights
from taxi_assets.settings import Settings
from taxi_assets.targets.embedded_clients import has_joined
from taxi_assets.targets.embedded_postgres import EmbeddedPostgres, EmbeddedServerError
from taxi_assets.targets.postgres.connection import Connection, address, connect
from taxi_assets.targets.postgres_binaries import find_tools
from taxi_assets.targets.target import TargetError

EMBEDDED_LIMIT = 40.0
"""Seconds: the first start makes the cluster; 0.5 s on an idle machine."""

OLDEST = 12
"""Before 12, ATTACH PARTITION locks out every reader of the table; before 11 there is no hashtextextended."""

MAINTAINED = 14  # older ones get no fixes any more

_TIMEOUT = 8.0
_FEW_CONNECTIONS = 5  # a run uses one for a load and one for its checks; people and the UI want some too
_SLOW_MS = 100.0  # a swap takes about 15 round trips, during which readers of the month may queue

_ABOUT = About("TAXI_POSTGRES_URL")

_REMEDIES: tuple[tuple[str, str], ...] = (
    (
        r"authentication failed|no password supplied",
        "Correct user and password in TAXI_POSTGRES_URL; special characters are percent-encoded.",
    ),
    (
        r"no pg_hba\.conf entry",
        "Let this host, user and database in by the server's pg_hba.conf; add ?sslmode=require to "
        "TAXI_POSTGRES_URL if it wants TLS.",
    ),
    (
        r"database .* does not exist",
        "CREATE DATABASE on the server, or correct the database's name in TAXI_POSTGRES_URL.",
    ),
    (
        r"role .* does not exist|not permitted to log in",
        "CREATE ROLE ... LOGIN, or correct the user in TAXI_POSTGRES_URL.",
    ),
    (r"permission denied for database", "GRANT CONNECT ON DATABASE to the role of TAXI_POSTGRES_URL."),
    (r"resolve|translate host name|Name or service", "Correct the host in TAXI_POSTGRES_URL."),
    (
        r"SSL|TLS|certificate",
        "Correct sslmode and sslrootcert in TAXI_POSTGRES_URL, or the server's certificate.",
    ),
    (r"too many clients|connection slots|too many connections", "Raise max_connections, or close sessions."),
)
"""Pattern in what the server or driver says, and what helps. The first match wins."""

_UNREACHABLE = (
    "Start the server, or correct host and port in TAXI_POSTGRES_URL; a firewall may stand between."
)


def examine_postgres(settings: Settings) -> Iterator[Finding]:
    """The server that ``TAXI_POSTGRES_URL`` names."""
    if settings.postgres_url == "embedded":
        return _examine_embedded(settings)
    return _examine_server(settings, settings.postgres_url)


def _examine_embedded(settings: Settings) -> Iterator[Finding]:
    home = settings.home / "postgres"
    server = EmbeddedPostgres(home)
    joined = has_joined(server.home)
    try:
        yield _embedded(server)
        yield from _examine_server(settings, server.start())
    except (TargetError, EmbeddedServerError) as error:
        yield _ABOUT.problem(
            "embedded server",
            " ".join(str(error).split())[:600],
            f"See {server.log}; or set TAXI_POSTGRES_URL to a server of yours.",
        )
    finally:
        if not joined:  # who used it before goes on using it
            server.stop()


def _embedded(server: EmbeddedPostgres) -> Finding:
    tools = find_tools(server.home)
    version_file: Path = server.data / "PG_VERSION"
    cluster = (
        f"of version {version_file.read_text().strip()}"
        if version_file.exists()
        else "made by the first start"
    )
    return _ABOUT.ok(
        "embedded server", f"PostgreSQL {tools.major} in {tools.folder}; data in {server.data}, {cluster}"
    )


def _examine_server(settings: Settings, url: str) -> Iterator[Finding]:
    try:
        connection = connect(url, _TIMEOUT)
    except (TargetError, psycopg.OperationalError) as error:
        yield _refusal(url, error)
        return
    with connection:
        yield _ABOUT.ok("connection", f"{address(url)} as {connection.info.user}")
        yield _version(connection)
        yield _encryption(connection)
        yield _pooler(connection)
        yield _round_trip(connection)
        yield _headroom(connection)
        yield _log(connection)
        yield from examine_rights(connection, settings.postgres_schema)
        yield from examine_audit(connection, settings)


def _refusal(url: str, error: Exception) -> Finding:
    if error.__cause__ is None:  # the URL itself
        return _ABOUT.problem("connection", str(error), "Correct TAXI_POSTGRES_URL.")
    said = " ".join(str(error.__cause__).split())
    remedy = next((remedy for pattern, remedy in _REMEDIES if re.search(pattern, said)), _UNREACHABLE)
    return _ABOUT.problem("connection", f"no connection to {address(url)}: {said}", remedy)


def _version(connection: Connection) -> Finding:
    major = connection.info.server_version // 10_000
    if major < OLDEST:
        return _ABOUT.problem(
            "version",
            f"PostgreSQL {major}",
            f"Upgrade: {OLDEST} or later is needed to swap months under readers.",
        )
    if major < MAINTAINED:
        return _ABOUT.warning("version", f"PostgreSQL {major} gets no fixes any more", "Upgrade the server.")
    return _ABOUT.ok("version", f"PostgreSQL {major}")


def _encryption(connection: Connection) -> Finding:
    host = connection.info.host
    if connection.pgconn.ssl_in_use:
        return _ABOUT.ok("encryption", "TLS")
    if not host or host.startswith(("/", "127.")) or host in {"localhost", "::1"}:
        return _ABOUT.ok("encryption", "none, and none is needed: the server is on this machine")
    return _ABOUT.warning(
        "encryption",
        f"none: the password's proof and all rows travel to {host} in clear",
        "Add ?sslmode=require to TAXI_POSTGRES_URL, or verify-full with sslrootcert.",
    )


def _pooler(connection: Connection) -> Finding:
    # A pooler makes up the process number that it tells the client at the start.
    if _value(connection, "SELECT pg_backend_pid()") == connection.info.backend_pid:
        return _ABOUT.ok("pooler", "none: this session is the server's own")
    return _ABOUT.warning(
        "pooler",
        "a pooler stands between: the lock on a month belongs to a session, which transaction mode changes",
        "Let TAXI_POSTGRES_URL name the server itself, or see to it that the pooler is in session mode.",
    )


def _round_trip(connection: Connection) -> Finding:
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        connection.execute("SELECT 1")
        times.append(1000 * (time.perf_counter() - begun))
    median = statistics.median(times)
    found = f"{median:.2f} ms"
    if median <= _SLOW_MS:
        return _ABOUT.ok("round trip", found)
    return _ABOUT.warning(
        "round trip", found, "Run taxi-assets nearer to the server: readers wait during a swap."
    )


def _headroom(connection: Connection) -> Finding:
    most = int(str(_value(connection, "SELECT current_setting('max_connections')")))
    reserved = int(str(_value(connection, "SELECT current_setting('superuser_reserved_connections')")))
    used = int(str(_value(connection, "SELECT sum(numbackends) FROM pg_stat_database")))
    free = most - reserved - used
    found = f"{free} of {most} connections free"
    if free >= _FEW_CONNECTIONS:
        return _ABOUT.ok("headroom", found)
    return _ABOUT.warning("headroom", found, "Raise max_connections, or close idle sessions.")


def _log(connection: Connection) -> Finding:
    level = _value(connection, "SELECT current_setting('wal_level')")
    size = _value(connection, "SELECT pg_size_pretty(pg_database_size(current_database()))")
    if level == "minimal":
        return _ABOUT.ok("storage", f"database of {size}; wal_level minimal: a load writes its rows once")
    hint = "a load writes its rows twice; without replicas and archive, minimal would halve that"
    return _ABOUT.ok("storage", f"database of {size}; wal_level {level}: {hint}")


def _value(connection: Connection, query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None
