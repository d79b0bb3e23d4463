"""The trail's table: made once by whoever comes first, and never changed afterwards by anybody."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from taxi_assets.audit import PostgresJournal
from taxi_assets.audit.table import COLUMNS, REFUSAL, script
from taxi_assets.targets.journal import Entry, JournalAway
from taxi_assets.targets.postgres import PostgresTarget
from taxi_assets_tests.audit.entries import entries

NUMBER = "00000000-0000-0000-0000-00000000000{}"


def entry(number: int) -> Entry:
    facts = {"load_id": NUMBER.format(number), "run_id": "a-run"}
    return Entry(("lake", "green_trips"), date(2024, 1, 1), 5, None, facts, "a test", None)


def write(url: str, *numbers: int) -> None:
    with PostgresJournal(postgres=PostgresTarget(url=url)).opened() as pages:
        for number in numbers:
            pages.write(entry(number))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE taxi_audit.loads SET launched_by = 'nobody'",
        "DELETE FROM taxi_audit.loads",
        "TRUNCATE taxi_audit.loads",
        "INSERT INTO taxi_audit.loads SELECT * FROM taxi_audit.loads "
        "ON CONFLICT (load_id) DO UPDATE SET role = 'nobody'",
        "SET session_replication_role = replica; DELETE FROM taxi_audit.loads",
    ],
)
def test_an_entry_is_neither_changed_nor_deleted_even_by_the_owner(postgres_url: str, statement: str) -> None:
    write(postgres_url, 1)
    before = entries(postgres_url)
    with psycopg.connect(postgres_url) as owner, pytest.raises(psycopg.Error, match=REFUSAL):
        owner.execute(statement.encode())
    assert entries(postgres_url) == before


def test_an_entry_of_a_known_number_is_not_written_again(postgres_url: str) -> None:
    write(postgres_url, 1, 1, 2)
    before = entries(postgres_url)
    assert len(before) == 2
    write(postgres_url, 2, 1)
    assert entries(postgres_url) == before


def test_of_many_that_come_first_one_makes_the_trail(postgres_url: str) -> None:
    together = Barrier(8)

    def first(number: int) -> None:
        together.wait(20)
        write(postgres_url, number)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(first, range(8)))
    assert len(entries(postgres_url)) == 8


def test_a_connection_that_died_since_the_last_entry_is_replaced(postgres_url: str) -> None:
    with PostgresJournal(postgres=PostgresTarget(url=postgres_url)).opened() as pages:
        pages.write(entry(1))
        with psycopg.connect(postgres_url) as another:
            another.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        pages.write(entry(2))
    assert len(entries(postgres_url)) == 2


def test_every_column_says_what_it_means(postgres_url: str) -> None:
    write(postgres_url, 1)
    with psycopg.connect(postgres_url) as connection:
        told = connection.execute(
            "SELECT attname::text, col_description(attrelid, attnum) FROM pg_attribute "
            "WHERE attrelid = 'taxi_audit.loads'::regclass AND attnum > 0 ORDER BY attnum"
        ).fetchall()
    assert told == [(column.name, column.meaning) for column in COLUMNS]


@pytest.fixture
def role(postgres_url: str) -> Iterator[str]:
    """A role of the database's name that may log in, no more."""
    name = urlsplit(postgres_url).path.removeprefix("/")
    identifier = sql.Identifier(name)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER").format(identifier))
        yield name
        connection.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(identifier))
        connection.execute(sql.SQL("DROP ROLE {}").format(identifier))


def test_a_role_that_may_not_make_the_trail_is_told_what_to_run_and_that_helps(
    postgres_url: str, role: str
) -> None:
    url = postgres_url.replace("postgres@", f"{role}@", 1)
    with pytest.raises(JournalAway) as refused:
        write(url, 1)
    said = str(refused.value.__cause__)
    assert "permission denied for database" in said
    assert f"GRANT CREATE ON DATABASE {role} TO {role}" in said
    assert "runs what `taxi-assets audit --sql` prints" in said
    run(postgres_url, script("taxi_audit"))
    with pytest.raises(JournalAway, match="may not write the audit trail") as refused:
        write(url, 1)
    run(postgres_url, str(refused.value.__cause__).rpartition("runs: ")[2])
    write(url, 1)
    assert [row["role"] for row in entries(postgres_url)] == [role]


def test_a_role_that_may_make_schemas_makes_the_trail_itself(postgres_url: str, role: str) -> None:
    run(postgres_url, f"GRANT CREATE ON DATABASE {role} TO {role}")
    write(postgres_url.replace("postgres@", f"{role}@", 1), 1)
    assert len(entries(postgres_url)) == 1


def test_the_command_prints_the_sql_that_makes_the_trail(postgres_url: str) -> None:
    line = [sys.executable, "-m", "taxi_assets", "audit", "--sql"]
    environment = {"TAXI_POSTGRES_SCHEMA": "mine"}
    printed = subprocess.run(line, env=environment, capture_output=True, text=True, check=True).stdout
    run(postgres_url, printed)
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM mine_audit.loads").fetchone() == (0,)


def run(url: str, statements: str) -> None:
    """As an administrator."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statements.encode())
