"""The ways into Postgres that are compared: ours, psql with a prepared file, ADBC. All into the same DDL.

Each function runs in a fresh process, makes its table anew, and runs the clock from the connection to the
commit.
"""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from benchmarks.clock import Clock
from benchmarks.months import MONTH, cleaned_rows
from benchmarks.rounds import Run
from taxi_assets.targets.postgres import PostgresTarget
from taxi_assets.targets.postgres.connection import connect
from taxi_assets.targets.postgres.load import create_statement, fill
from taxi_assets.targets.postgres.plan import Load, plan
from taxi_assets.targets.postgres_binaries import find_tools
from taxi_assets.tlc.schema import canonical_schema

SCHEMA = "bench"
REPLACED = "replaced"  # the table whose month is replaced whole


@dataclass(frozen=True)
class Place:
    """Where the rows come from, and the server that they go to."""

    lake_url: str
    url: str
    binary_file: Path

    def target(self, *, indexed: bool) -> PostgresTarget:
        """The product's target, as the code location configures it."""
        return PostgresTarget(
            url=self.url,
            schema_name=SCHEMA,
            brin_columns=["pickup_at"] if indexed else [],
            btree_columns=["pu_location_id"] if indexed else [],
        )


def prepare(place: Place) -> None:
    """Write the rows as the file that psql copies: encoded by Postgres itself."""
    with place.target(indexed=False).connect() as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(SCHEMA)))
    load = _load("prepared")
    _our_copy(place, load)
    columns = sql.SQL(", ").join(map(sql.Identifier, load.columns))
    copy = sql.SQL("COPY {} ({}) TO STDOUT (FORMAT binary)").format(load.identifier(load.staging), columns)
    with psycopg.connect(place.url) as connection, place.binary_file.open("wb") as file:
        with connection.cursor().copy(copy) as copying:
            for block in copying:
                file.write(block)
        connection.execute(sql.SQL("DROP TABLE {}").format(load.identifier(load.staging)))


def ours(place: Place) -> Run:
    """Parquet decode, Arrow to binary, COPY: the `copy` phase of a replace, with its commit."""
    load = _load("ours")
    _cleared(place, load)
    return _our_copy(place, load)


def psql(place: Place) -> Run:
    r"""``psql \copy`` of a prepared binary file: nothing to decode, nothing to encode. The limit."""
    with prepared_copy(place) as copy, Clock() as clock:
        copy()
    return clock.run(_counted(place, "psql"))


@contextmanager
def prepared_copy(place: Place, *then: str) -> Iterator[Callable[[], None]]:
    """A call that makes the table, copies the prepared file, and does what more is asked to ``{table}``."""
    load = _load("psql")
    _cleared(place, load)
    create, table = _ddl(place, load)
    columns = ", ".join(f'"{name}"' for name in load.columns)
    copy = f"\\copy {table} ({columns}) FROM '{place.binary_file}' WITH (FORMAT binary, FREEZE)"
    program = find_tools(place.binary_file.parent).folder / "psql"
    more = [statement.format(table=table) for statement in then]
    words = [word for part in ("BEGIN", create, copy, *more, "COMMIT") for word in ("-c", part)]
    line = [str(program), "-X", "-q", "-v", "ON_ERROR_STOP=1", *words, place.url]
    yield lambda: _done(line)


def adbc(place: Place) -> Run:
    """ADBC's ingest of the same stream, in the transaction that creates the table."""
    from adbc_driver_postgresql import dbapi

    load = _load("adbc")
    _cleared(place, load)
    create, _ = _ddl(place, load)
    with Clock() as clock, dbapi.connect(place.url) as connection, connection.cursor() as cursor:
        cursor.execute(create)
        rows = cleaned_rows("yellow", place.lake_url).reader
        cursor.adbc_ingest(load.staging, rows, mode="append", db_schema_name=SCHEMA)
        connection.commit()
    return clock.run(_counted(place, load.table))


def replace(place: Place, table: str = REPLACED) -> Run:
    """The whole of it: COPY, a BRIN and a B-tree index, ANALYZE, swap; tells its phases."""
    target = place.target(indexed=True)
    with Clock() as clock:
        report = target.replace(table, MONTH, cleaned_rows("yellow", place.lake_url).reader)
    clock.phases.update(report.seconds)
    return clock.run(report.rows)


def _done(line: list[str]) -> None:
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)


def _load(table: str) -> Load:
    """What a load of a month into a table that does not stand yet looks like."""
    return plan((SCHEMA, table, MONTH, "trip_month"), None, canonical_schema("yellow"), {}, {})


def _our_copy(place: Place, load: Load) -> Run:
    with Clock() as clock, connect(place.url, 10) as connection, connection.transaction():
        fill(connection, load, cleaned_rows("yellow", place.lake_url).reader, PostgresTarget().batch_rows)
    return clock.run(_counted(place, load.table))


def _counted(place: Place, table: str) -> int:
    load = _load(table)
    with psycopg.connect(place.url) as connection:
        count = sql.SQL("SELECT count(*) FROM {}").format(load.identifier(load.staging))
        return int((connection.execute(count).fetchone() or (0,))[0])


def _ddl(place: Place, load: Load) -> tuple[str, str]:
    """CREATE TABLE as the product makes it, taken from the server's own words, and the table's name."""
    with psycopg.connect(place.url) as connection:
        name = load.identifier(load.staging).as_string(connection)
        return create_statement(load).as_string(connection), name


def _cleared(place: Place, load: Load) -> None:
    """Drop the table of the last round, and have the server write what it owes to the disk."""
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(load.identifier(load.staging)))
        connection.execute("CHECKPOINT")
