"""Passwords in every setting that may hold one, runs that succeed and fail, and then the search for them.

Asked is everything: each field of the UI's GraphQL (``everything.py``), what runs printed, what the browser
is shown, what the processes wrote down. test_secrets.py looks at the same inside one process.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from dagster import DagsterRunStatus
from psycopg import sql

from taxi_assets_tests.alerts.receiver import Receiver, serve_receiver
from taxi_assets_tests.browser.chromium import Ui
from taxi_assets_tests.browser.everything import question
from taxi_assets_tests.daemon.published import PublishedMonths
from taxi_assets_tests.servers.dagster_dev import DagsterDev
from taxi_assets_tests.servers.postgres import PostgresServer
from taxi_assets_tests.test_secrets import ENCODED, SECRET

pytestmark = pytest.mark.slow

GOOD, BROKEN, UNSTORED = "2023-01", "2023-02", "2023-03"
_PIECES = re.compile("s3cr3t|Hx7-s|-Zq9|Zq9-t0ken")
"""Of the passwords and the token; longer than what stands by chance in the compressed texts in the files."""
_ENDED = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE)
_HERE = 'repositorySelector: {repositoryName: "__repository__", repositoryLocationName: "taxi_assets"}'

QUESTIONS = [
    ("workspaceOrError", "", "RepositoryLocation"),
    ("repositoriesOrError", "", "Repository"),
    ("assetNodes", "", "AssetNode"),
    ("assetsOrError", "", "Asset"),
    ("runsOrError", "limit: 100", "Run"),
    ("runsFeedOrError", "limit: 100, view: ROOTS", "PartitionBackfill"),
    ("partitionBackfillsOrError", "limit: 100", "PartitionBackfill"),
    ("instance", ""),
    ("allTopLevelResourceDetailsOrError", _HERE),
    ("utilizedEnvVarsOrError", _HERE),
    ("sensorsOrError", _HERE, "Sensor", "InstigationState"),
    ("schedulesOrError", _HERE, "Schedule", "InstigationState"),
    ("autoMaterializeTicks", "limit: 100"),
]
_OF_A_CHECK = 'limit: 100, checkName: "{name}", assetKey: {{path: ["{stage}", "green_trips"]}}'
CHECKS = [("raw", "published_row_count"), ("cleaned", "like_its_neighbours"), ("postgres", "matches_cleaned")]

_PRINTED = """query ($key: [String!]!) { capturedLogs(logKey: $key) { stdout stderr } }"""
_LOGS = """query ($run: ID!) { logsForRun(runId: $run) { ... on EventConnection {
  events { ... on LogsCapturedEvent { fileKey } } } } }"""


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer) -> Iterator[str]:
    """A database of a server that asks for no password."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """Who is alerted, by a URL with a password and a token."""
    with serve_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def settings(
    browser_installed: None, tlc: PublishedMonths, database: str, receiver: Receiver
) -> dict[str, str]:
    return {
        "TAXI_SOURCE_URL": tlc.cdn.trip_data.replace("://", f"://reader:{ENCODED}@"),
        "TAXI_POSTGRES_URL": database.replace("postgres@", f"postgres:{ENCODED}@"),
        "TAXI_ALERT_URLS": receiver.url,
        "TAXI_POLL_SECONDS": "1800",
    }


@pytest.fixture(scope="module")
def runs(
    system: DagsterDev,
    tlc: PublishedMonths,
    receiver: Receiver,
    postgres_server: PostgresServer,
    database: str,
) -> list[str]:
    """A month that is stored, one that is no Parquet file, one whose database is gone; told of by alerts."""
    tlc.publish("green", GOOD, UNSTORED, rows=500)
    tlc.publish_bytes("green", BROKEN, b"PAR1 and then nothing")
    made = [system.launch("green_trips", GOOD)]
    system.wait(lambda: len(system.runs(*_ENDED)) == 1, within=400)
    made.append(system.launch("green_trips", BROKEN))
    system.wait(lambda: len(system.runs(*_ENDED)) == 2, within=400)
    postgres_server.drop_database(database)
    made += [system.launch("green_trips", UNSTORED), system.launch("reconcile")]
    system.wait(lambda: len(system.runs(*_ENDED)) == 4, within=400)
    system.wait(lambda: len(receiver.titles()) >= 2, within=120)
    postgres_server.execute(_again(database))
    ended = {run.run_id: run.status for run in system.runs()}
    assert [ended[run] for run in made[:3]] == [DagsterRunStatus.SUCCESS, *[DagsterRunStatus.FAILURE] * 2]
    return made


def leaks(text: str) -> list[str]:
    """Each piece of a secret, with what stands around it."""
    return [text[max(one.start() - 150, 0) : one.end() + 50] for one in _PIECES.finditer(text)]


def asked(system: DagsterDev, field: str, arguments: str, *through: str) -> str:
    answer = system.ask(question(field, arguments, *through))
    assert "PythonError" not in re.findall(r"'__typename': '(\w+)'", str(answer[field]))[:1], answer
    return str(answer)


def test_no_answer_of_the_uis_graphql_holds_a_secret(system: DagsterDev, runs: list[str]) -> None:
    assert len(leaks(SECRET)) == len(leaks(ENCODED)) == 2, "the search would find them"
    answers = {one[0]: asked(system, *one) for one in QUESTIONS}
    for run in runs:
        events = ("MaterializationEvent", "ObservationEvent")
        answers[f"events of {run}"] = asked(system, "logsForRun", f'runId: "{run}"', *events)
    for stage, name in CHECKS:
        arguments = _OF_A_CHECK.format(stage=stage, name=name)
        answers[f"{stage} {name}"] = asked(system, "assetCheckExecutions", arguments, "AssetCheckExecution")
    assert {name: found for name, answer in answers.items() if (found := leaks(answer))} == {}
    # What would hold them was in the answers.
    everything = "".join(answers.values())
    for told in (
        "TAXI_POSTGRES_URL",
        f"green_tripdata_{GOOD}.parquet",
        "does not exist",
        '  File "',
        "/home",
    ):
        assert told in everything, told


def test_nothing_that_runs_printed_holds_a_secret(system: DagsterDev, runs: list[str]) -> None:
    printed = []
    for run in runs:
        events = system.ask(_LOGS, run=run)["logsForRun"]["events"]
        for key in {event["fileKey"] for event in events if "fileKey" in event}:
            logs = system.ask(_PRINTED, key=[run, "compute_logs", key])["capturedLogs"]
            printed.append(f"{logs['stdout']}{logs['stderr']}")
    assert len("".join(printed)) > 1000
    assert leaks("".join(printed)) == []


def test_no_page_shows_a_secret(ui: Ui, runs: list[str]) -> None:
    pages = {
        "/deployment/config": "run_launcher",
        "/locations/taxi_assets/resources": "postgres_io",
        "/locations/taxi_assets/resources/postgres": "TAXI_POSTGRES_URL",
        "/locations/taxi_assets/resources/source": "TAXI_SOURCE_URL",
        "/locations/taxi_assets/resources/alerts": "alerts",
        "/locations/taxi_assets/sensors/alerts": "alerts",
        f"/assets/postgres/green_trips?view=events&partition={GOOD}": "partition_row_count",
        f"/assets/raw/green_trips?view=partitions&partition={GOOD}": "sha256",
        "/assets/postgres/green_trips?view=checks": "matches_cleaned",
        **dict.fromkeys((f"/runs/{run}" for run in runs), "STEP_START"),
    }
    found = {}
    for path, expected in pages.items():
        ui.open(path)
        ui.see(expected)
        found[path] = leaks(ui.text() + ui.driver.page_source)
    assert {path: shown for path, shown in found.items() if shown} == {}


def test_no_alert_and_no_file_holds_a_secret(system: DagsterDev, runs: list[str], receiver: Receiver) -> None:
    told = "".join(f"{message.title}\n{message.body}\n" for message in receiver.received)
    assert "green" in told
    assert leaks(told) == []
    files = [system.log, *(path for path in system.home.rglob("*") if path.is_file())]
    assert {path: found for path in files if (found := leaks(_read(path)))} == {}


def _read(path: Path) -> str:
    return path.read_bytes().decode("latin-1")


def _again(url: str) -> sql.Composed:
    """An empty database of the same name, for the fixture that drops it."""
    return sql.SQL("CREATE DATABASE {}").format(sql.Identifier(urlsplit(url).path.removeprefix("/")))
