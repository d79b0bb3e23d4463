"""Postgres in trouble: each finding names the variable and what helps."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from psycopg import sql

from taxi_assets.audit.table import script
from taxi_assets.doctor import postgres
from taxi_assets.doctor.finding import Finding
from taxi_assets.doctor.postgres import examine_postgres
from taxi_assets.targets.embedded_postgres import EmbeddedPostgres
from taxi_assets_tests.doctor.conftest import SettingsWith, by_subject, look, only_problem
from taxi_assets_tests.doctor.proxy import postgres_port


def execute(url: str, *statements: str, **names: str) -> None:
    identifiers = {name: sql.Identifier(value) for name, value in names.items()}
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(sql.SQL(statement).format(**identifiers))


@pytest.fixture
def role(postgres_url: str) -> Iterator[str]:
    """A role of the database's name that may log in, no more."""
    name = urlsplit(postgres_url).path.removeprefix("/")
    execute(postgres_url, "CREATE ROLE {role} LOGIN NOSUPERUSER", role=name)
    yield name
    execute(postgres_url, "DROP OWNED BY {role} CASCADE", "DROP ROLE {role}", role=name)


def as_role(url: str, role: str) -> str:
    return url.replace("postgres@", f"{role}@", 1)


def at_port(url: str, port: int, host: str) -> str:
    return f"postgresql://postgres@{host}:{port}{urlsplit(url).path}?hostaddr=127.0.0.1"


def socket_directory(url: str) -> str:
    return parse_qs(urlsplit(url).query)["host"][0]


def findings(settings_with: SettingsWith, url: str) -> list[Finding]:
    return look(examine_postgres, settings_with(postgres_url=url), "TAXI_POSTGRES_URL")


def test_a_healthy_server_is_good_in_everything(postgres_url: str, settings_with: SettingsWith) -> None:
    found = findings(settings_with, postgres_url)
    assert {one.level for one in found} == {"ok"}
    assert {"version", "rights", "round trip", "headroom", "pooler", "left-overs"} <= by_subject(found).keys()


def test_nothing_of_the_probe_stays(postgres_url: str, settings_with: SettingsWith) -> None:
    findings(settings_with, postgres_url)
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT FROM pg_namespace WHERE nspname = 'taxi'").fetchall() == []


def test_a_refused_port_says_where_it_knocked(settings_with: SettingsWith) -> None:
    problem = only_problem(findings(settings_with, "postgresql://me:secretword@127.0.0.1:1/taxi"))
    assert problem.setting == "TAXI_POSTGRES_URL"
    assert "127.0.0.1:1/taxi" in problem.found
    assert "refused" in problem.found
    assert "host and port in TAXI_POSTGRES_URL" in problem.remedy
    assert "secretword" not in repr(problem)


def test_a_url_that_is_none_is_not_quoted(settings_with: SettingsWith) -> None:
    problem = only_problem(findings(settings_with, "postgresql://me:pass/word99@host/taxi?x=1"))
    assert "TAXI_POSTGRES_URL" in problem.found
    assert "word99" not in repr(problem)


def test_a_missing_database_or_role_is_told_apart(postgres_url: str, settings_with: SettingsWith) -> None:
    path = urlsplit(postgres_url).path
    database = only_problem(findings(settings_with, postgres_url.replace(path, "/nothing_here", 1)))
    assert "CREATE DATABASE" in database.remedy
    role = only_problem(findings(settings_with, as_role(postgres_url, "nobody_there")))
    assert "CREATE ROLE" in role.remedy


@pytest.fixture
def locked_server(tmp_path: Path) -> Iterator[str]:
    """URL of a server of its own, on which the role ``locked`` needs its password."""
    server = EmbeddedPostgres(tmp_path / "locked")
    url = server.start()
    rules = server.data / "pg_hba.conf"
    rules.write_text(f"local all locked scram-sha-256\n{rules.read_text()}")
    execute(url, "CREATE ROLE locked LOGIN PASSWORD 'right1234'", "SELECT pg_reload_conf()")
    yield url
    server.stop()


@pytest.mark.parametrize(
    ("login", "said"), [("locked:wrong5678", "authentication failed"), ("locked", "no password supplied")]
)
def test_a_wrong_password_is_told_and_not_shown(
    login: str, said: str, locked_server: str, settings_with: SettingsWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    url = locked_server.replace("postgres@", f"{login}@", 1)
    problem = only_problem(findings(settings_with, url))
    assert said in problem.found
    assert "user and password in TAXI_POSTGRES_URL" in problem.remedy
    assert "wrong5678" not in repr(problem)


def test_a_role_without_rights_gets_the_grant_that_it_lacks(
    postgres_url: str, role: str, settings_with: SettingsWith
) -> None:
    url = as_role(postgres_url, role)
    problem = by_subject(findings(settings_with, url))["rights"]
    assert (problem.setting, problem.level) == ("TAXI_POSTGRES_SCHEMA", "problem")
    assert f"GRANT CREATE ON DATABASE {role} TO {role}" in problem.remedy
    execute(postgres_url, "CREATE SCHEMA taxi", "GRANT USAGE ON SCHEMA taxi TO {role}", role=role)
    problem = by_subject(findings(settings_with, url))["rights"]
    assert problem.remedy.startswith(f"GRANT USAGE, CREATE ON SCHEMA taxi TO {role}")
    execute(postgres_url, "GRANT CREATE ON SCHEMA taxi TO {role}", role=role)
    assert by_subject(findings(settings_with, url))["rights"].level == "ok"
    execute(postgres_url, "GRANT CREATE ON DATABASE {role} TO {role}", role=role)
    assert {one.level for one in findings(settings_with, url)} == {"ok"}


def test_an_audit_trail_that_can_not_be_written_is_a_problem_with_what_helps(
    postgres_url: str, role: str, settings_with: SettingsWith
) -> None:
    url = as_role(postgres_url, role)
    execute(postgres_url, "CREATE SCHEMA taxi", "GRANT USAGE, CREATE ON SCHEMA taxi TO {role}", role=role)
    problem = only_problem(findings(settings_with, url))
    assert problem.subject == "audit trail"
    assert "taxi_audit.loads is not there" in problem.found
    assert "taxi-assets audit --sql" in problem.remedy
    execute(postgres_url, script("taxi_audit"))
    problem = only_problem(findings(settings_with, url))
    assert problem.found == f"{role} may not write taxi_audit.loads"
    execute(postgres_url, problem.remedy.rstrip("."))
    assert {one.level for one in findings(settings_with, url)} == {"ok"}
    without = settings_with(postgres_url=url, targets=("lake", "warehouse"))
    assert "audit trail" not in by_subject(look(examine_postgres, without))


def test_a_table_of_somebody_else_under_our_name_is_a_problem(
    postgres_url: str, role: str, settings_with: SettingsWith
) -> None:
    execute(postgres_url, "CREATE SCHEMA taxi", "CREATE TABLE taxi.green_trips (n int)")
    execute(
        postgres_url,
        "CREATE TABLE taxi.their_own (n int)",
        "GRANT ALL ON SCHEMA taxi TO {role}",
        "GRANT CREATE ON DATABASE {role} TO {role}",
        role=role,
    )
    problem = only_problem(findings(settings_with, as_role(postgres_url, role)))
    assert "taxi.green_trips belongs to postgres" in problem.found
    assert f"ALTER TABLE taxi.green_trips OWNER TO {role}" in problem.remedy


def test_a_server_that_only_reads_is_a_problem(postgres_url: str, settings_with: SettingsWith) -> None:
    name = urlsplit(postgres_url).path.removeprefix("/")
    execute(postgres_url, "ALTER DATABASE {name} SET default_transaction_read_only = on", name=name)
    problem = only_problem(findings(settings_with, postgres_url))
    assert "read-only" in problem.found
    assert "primary" in problem.remedy


def test_staging_tables_that_stay_are_a_warning(postgres_url: str, settings_with: SettingsWith) -> None:
    execute(postgres_url, "CREATE SCHEMA taxi")
    execute(postgres_url, "CREATE TABLE taxi.green_trips_2024_01_01__loading (n int)")
    left = by_subject(findings(settings_with, postgres_url))["left-overs"]
    assert left.level == "warning"
    assert "green_trips_2024_01_01__loading" in left.found
    assert "DROP TABLE" in left.remedy


def test_a_server_elsewhere_without_tls_is_a_warning(postgres_url: str, settings_with: SettingsWith) -> None:
    with postgres_port(socket_directory(postgres_url)) as port:
        near = by_subject(findings(settings_with, at_port(postgres_url, port, "localhost")))
        far = by_subject(findings(settings_with, at_port(postgres_url, port, "db.example.com")))
    assert near["encryption"].level == "ok"
    assert far["encryption"].level == "warning"
    assert "sslmode=require to TAXI_POSTGRES_URL" in far["encryption"].remedy


def test_a_pooler_between_is_a_warning(postgres_url: str, settings_with: SettingsWith) -> None:
    with postgres_port(socket_directory(postgres_url), process=1_234_567_890) as port:
        found = by_subject(findings(settings_with, at_port(postgres_url, port, "localhost")))
    assert found["pooler"].level == "warning"
    assert "session mode" in found["pooler"].remedy
    assert {one.level for name, one in found.items() if name != "pooler"} == {"ok"}


def test_a_server_far_away_is_a_warning(postgres_url: str, settings_with: SettingsWith) -> None:
    with postgres_port(socket_directory(postgres_url), delay=0.12) as port:
        found = by_subject(findings(settings_with, at_port(postgres_url, port, "localhost")))
    assert found["round trip"].level == "warning"


@pytest.mark.parametrize(
    ("limit", "subject", "level"),
    [
        ("OLDEST", "version", "problem"),
        ("MAINTAINED", "version", "warning"),
        ("_FEW_CONNECTIONS", "headroom", "warning"),
    ],
)
def test_old_and_crowded_servers_are_told(
    limit: str,
    subject: str,
    level: str,
    postgres_url: str,
    settings_with: SettingsWith,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgres, limit, 1000)
    assert by_subject(findings(settings_with, postgres_url))[subject].level == level


def test_an_embedded_cluster_of_another_version_says_what_to_do(settings_with: SettingsWith) -> None:
    settings = settings_with()
    data = settings.home / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")
    problem = only_problem(look(examine_postgres, settings))
    assert "made by PostgreSQL 9" in problem.found
    assert "TAXI_POSTGRES_URL" in problem.remedy
