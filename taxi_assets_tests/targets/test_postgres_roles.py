"""Loads by a role that may do no more than it must."""

from datetime import date
from urllib.parse import urlsplit

import psycopg
import pyarrow as pa
import pytest
from psycopg import sql

from taxi_assets.targets.postgres import PostgresTarget
from taxi_assets.targets.target import TargetError

JANUARY = date(2024, 1, 1)
ROWS = pa.table({"zone": [1, 2]})


@pytest.fixture
def loader(postgres_url: str) -> PostgresTarget:
    """A target over an empty database, as a role of that database's name without any right."""
    role = urlsplit(postgres_url).path.removeprefix("/")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))
        create = sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE")
        connection.execute(create.format(sql.Identifier(role)))
    return PostgresTarget(url=postgres_url.replace("postgres@", f"{role}@"), btree_columns=["zone"])


def grant(url: str, loader: PostgresTarget, *statements: str) -> None:
    role = sql.Identifier(urlsplit(loader.url).username or "")
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            database = sql.Identifier(connection.info.dbname)
            composed = sql.SQL(statement).format(role=role, database=database)
            connection.execute(composed)


@pytest.mark.parametrize(
    "grants",
    [
        ["GRANT CREATE ON DATABASE {database} TO {role}"],
        ["CREATE SCHEMA taxi", "GRANT USAGE, CREATE ON SCHEMA taxi TO {role}"],
    ],
    ids=["create on the database", "a schema made by somebody else"],
)
def test_a_role_without_privileges_loads_replaces_reads_and_evolves(
    postgres_url: str, loader: PostgresTarget, grants: list[str]
) -> None:
    grant(postgres_url, loader, *grants)
    for table in (ROWS, ROWS, ROWS.append_column("fee", pa.array([0.5, 1.5]))):
        loader.replace("trips", JANUARY, table.to_reader(), {"version": "1"})
        loader.replace("zones", None, table.to_reader())
    assert loader.read("trips").read_all()["fee"].to_pylist() == [0.5, 1.5]
    assert loader.totals("trips", JANUARY, ["zone"]).rows == 2
    grant(postgres_url, loader, "DROP OWNED BY {role}")


def test_a_missing_right_is_named_with_the_grant_that_gives_it(
    postgres_url: str, loader: PostgresTarget
) -> None:
    role = urlsplit(postgres_url).path.removeprefix("/")
    with pytest.raises(TargetError, match=f"role {role} may not.*GRANT CREATE ON DATABASE .* TO {role}"):
        loader.replace("trips", JANUARY, ROWS.to_reader())
    grant(postgres_url, loader, "CREATE SCHEMA taxi")
    with pytest.raises(TargetError, match=f"GRANT USAGE, CREATE ON SCHEMA taxi TO {role}"):
        loader.replace("trips", JANUARY, ROWS.to_reader())


def test_a_table_of_somebody_else_is_refused_and_stays(postgres_url: str, loader: PostgresTarget) -> None:
    owner = PostgresTarget(url=postgres_url)
    owner.replace("trips", JANUARY, ROWS.to_reader())
    grant(postgres_url, loader, "GRANT USAGE, CREATE ON SCHEMA taxi TO {role}")
    grant(postgres_url, loader, "GRANT ALL ON ALL TABLES IN SCHEMA taxi TO {role}")
    with pytest.raises(TargetError, match="OWNER TO"):
        loader.replace("trips", JANUARY, ROWS.slice(0, 1).to_reader())
    assert owner.totals("trips", JANUARY, ["zone"]).rows == 2
    left = owner.query("SELECT count(*) FROM pg_tables WHERE tablename LIKE '%loading'")
    assert left == [(0,)]
    grant(postgres_url, loader, "DROP OWNED BY {role}")
