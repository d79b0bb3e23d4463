"""What docs/swap-a-target.md tells people to run on Postgres gives the rights that it says, and no more."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from taxi_assets.audit import PostgresJournal
from taxi_assets.audit.table import script
from taxi_assets.targets.journal import Entry
from taxi_assets.targets.postgres import PostgresTarget

PAGE = Path(__file__).parents[1] / "docs" / "swap-a-target.md"
JANUARY = date(2024, 1, 1)
ROWS = pa.table({"pickup_at": [1, 2], "pu_location_id": [1, 2]})


@pytest.fixture
def granted(postgres_url: str) -> Iterator[str]:
    """A database in which a superuser ran the page's SQL, and what makes the audit trail."""
    (printed,) = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    roles = re.findall(r"CREATE ROLE (\w+)", printed)
    assert roles == ["taxi_loader", "taxi_reader"]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(printed.encode())
        connection.execute(script("taxi_audit").encode())  # what `taxi-assets audit --sql` prints
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


def test_the_loader_adds_to_the_audit_trail_and_changes_nothing_of_it(granted: str) -> None:
    loader = PostgresTarget(url=granted.replace("postgres@", "taxi_loader@"))
    reader = PostgresTarget(url=granted.replace("postgres@", "taxi_reader@"))
    facts = {"load_id": "00000000-0000-0000-0000-000000000001", "run_id": "1"}
    with PostgresJournal(postgres=loader).opened() as pages:
        pages.write(Entry(("lake", "green_trips"), JANUARY, 2, None, facts, "a test", None))
    said = [("lake", 2, "taxi_loader")]
    for role in (loader, reader):
        assert role.query("SELECT target, rows_standing, role FROM taxi_audit.standing") == said
    for statement in (
        "UPDATE taxi_audit.loads SET launched_by = 'nobody'",
        "DELETE FROM taxi_audit.loads",
        "TRUNCATE taxi_audit.loads",
        "DROP TABLE taxi_audit.loads CASCADE",
        "DROP TRIGGER append_only ON taxi_audit.loads",
        "ALTER TABLE taxi_audit.loads DISABLE TRIGGER append_only",
        "CREATE TABLE taxi_audit.mine (a int)",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            loader.query(statement)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.query("INSERT INTO taxi_audit.loads SELECT * FROM taxi_audit.loads")
