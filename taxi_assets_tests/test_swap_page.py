"""What docs/swap-a-target.md tells people to run on Postgres gives the rights that it says, and no more."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from taxi_assets.targets.postgres import PostgresTarget

PAGE = Path(__file__).parents[1] / "docs" / "swap-a-target.md"
JANUARY = date(2024, 1, 1)
ROWS = pa.table({"pickup_at": [1, 2], "pu_location_id": [1, 2]})


@pytest.fixture
def granted(postgres_url: str) -> Iterator[str]:
    """A database in which a superuser ran the page's SQL."""
    (printed,) = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    roles = re.findall(r"CREATE ROLE (\w+)", printed)
    assert roles == ["taxi_loader", "taxi_reader"]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(printed.encode())
        yield postgres_url
        for role in reversed(roles):
            connection.execute(f"DROP OWNED BY {role}".encode())
            connection.execute(f"DROP ROLE {role}".encode())


def test_the_loader_loads_and_the_reader_reads_and_no_more(granted: str) -> None:
    loader = PostgresTarget(
        url=granted.replace("postgres@", "taxi_loader@"),
        brin_columns=["pickup_at"],
        btree_columns=["pu_location_id"],
    )
    for rows in (ROWS, ROWS.slice(1), ROWS):
        loader.replace("green_trips", JANUARY, rows.to_reader(), {"version": "1"})
    reader = PostgresTarget(url=granted.replace("postgres@", "taxi_reader@"))
    assert reader.query("SELECT count(*) FROM taxi.green_trips") == [(2,)]
    assert reader.totals("green_trips", JANUARY, ["pu_location_id"]).rows == 2
    for statement in ("DELETE FROM taxi.green_trips", "CREATE TABLE taxi.mine (a int)"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.query(statement)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        loader.query("CREATE SCHEMA other")
