"""A password in a setting is used to connect, and shown nowhere; no name leads out of a store's root."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pyarrow as pa
import pytest
from dagster import DagsterInstance, ExecuteInProcessResult
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import serialize_value
from hypothesis import given
from hypothesis import strategies as st

from taxi_assets.code_location import build_definitions
from taxi_assets.psql import run_psql
from taxi_assets.resources import build_resources
from taxi_assets.setting_values import has_password
from taxi_assets.settings import Settings, SettingsError
from taxi_assets.targets.files import FileStore
from taxi_assets.targets.objects import open_objects
from taxi_assets.targets.parquet import ParquetTarget
from taxi_assets.targets.postgres import PostgresTarget
from taxi_assets.targets.target import TargetError

SECRET = "Hx7-s3cr3t/@:?&#%-Zq9"
ENCODED = quote(SECRET, safe="")
PIECES = ("Hx7", "s3cr3t", "Zq9")


def assert_not_in(text: str) -> None:
    assert [piece for piece in PIECES if piece in text] == []


@pytest.fixture
def settings(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A real server that asks for no password, and is told one all the same."""
    monkeypatch.setenv("TAXI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TAXI_POSTGRES_URL", postgres_url.replace("postgres@", f"postgres:{ENCODED}@"))
    monkeypatch.setenv("TAXI_SOURCE_URL", "synthetic?rows=200")
    return Settings.from_environment()


def run(settings: Settings, instance: DagsterInstance) -> ExecuteInProcessResult:
    job = build_definitions(settings).resolve_job_def("green_trips")
    return job.execute_in_process(instance=instance, partition_key="2023-01", raise_on_error=False)


def test_a_run_writes_the_password_into_no_event_no_metadata_and_no_file(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    with DagsterInstance.ephemeral() as instance:
        result = run(settings, instance)
        assert result.success
        events = instance.all_logs(result.run_id)
        found = instance.get_run_by_id(result.run_id)
    assert len(events) > 50
    assert_not_in("".join(serialize_value(event) for event in events))
    assert found is not None
    assert_not_in(serialize_value(found))
    assert_not_in("".join(capfd.readouterr()))
    for path in settings.home.rglob("*"):
        if path.is_file():
            assert_not_in(path.read_bytes().decode("latin-1"))


def test_a_run_that_can_not_connect_says_where_to_and_not_with_what(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    elsewhere = urlsplit(settings.postgres_url)._replace(path="/nowhere").geturl()
    monkeypatch.setenv("TAXI_POSTGRES_URL", elsewhere)
    with DagsterInstance.ephemeral() as instance:
        result = run(Settings.from_environment(), instance)
        events = "".join(serialize_value(event) for event in instance.all_logs(result.run_id))
    assert not result.success
    assert 'database \\"nowhere\\" does not exist' in events.replace("\\\\", "\\")
    assert "STEP_UP_FOR_RETRY" not in events, "another try would end the same"
    assert_not_in(events + "".join(capfd.readouterr()))


def test_a_server_that_does_not_answer_is_named_without_the_password() -> None:
    for place in ("127.0.0.1:1/taxi", "127.0.0.1:1/taxi?connect_timeout=2"):
        target = PostgresTarget(url=f"postgresql://loader:{ENCODED}@{place}")
        with pytest.raises(psycopg.OperationalError, match=r"127\.0\.0\.1:1/taxi") as refusal:
            target.partitions("trips")
        assert_not_in("".join(map(str, _chain(refusal.value))))
    unencoded = PostgresTarget(url=f"postgresql://loader:{SECRET}@127.0.0.1:1/taxi")
    with pytest.raises(TargetError, match="percent-encoded") as unread:
        unencoded.partitions("trips")
    assert_not_in("".join(map(str, _chain(unread.value))))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_what_the_ui_is_told_of_the_code_location_names_the_variable_only(settings: Settings) -> None:
    resources = build_resources(settings)
    definitions = build_definitions(settings)
    assert_not_in(repr(settings) + repr(resources) + repr(definitions.resources))
    told = serialize_value(RepositorySnap.from_def(definitions.get_repository_def()))
    assert '\\"url\\": {\\"env\\": \\"TAXI_POSTGRES_URL\\"}' in told
    assert_not_in(told)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://loader:{ENCODED}@db.example/taxi",
        f"postgresql://loader:{SECRET}@db.example/taxi",
        f"postgresql://db.example/taxi?user=loader&password={ENCODED}",
        f"postgresql://db.example/taxi?sslkey=a&sslpassword={SECRET}",
        f"https://reader:{ENCODED}@mirror.example/trip-data",
    ],
)
def test_every_form_of_a_url_with_a_password_is_known_for_one(url: str) -> None:
    assert has_password(url)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://loader:{SECRET}@db.example",
        f"postgresql://db.example?user=loader&password={SECRET}",
        f"host=db.example user=loader password={SECRET}",
        f"postgres//loader:{SECRET}@db.example/taxi",
        f"mysql://loader:{SECRET}@db.example/taxi",
    ],
)
def test_a_setting_that_is_not_understood_is_quoted_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError, match="TAXI_POSTGRES_URL") as problem:
        Settings.from_environment({"TAXI_POSTGRES_URL": url})
    assert_not_in(str(problem.value))


@given(password=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12))
def test_no_password_survives_in_a_message_whatever_is_in_it(password: str) -> None:
    marked = f"Hx7{password}Zq9"
    with pytest.raises(SettingsError) as problem:
        Settings.from_environment({"TAXI_POSTGRES_URL": f"postgresql://loader:{marked}@db.example/"})
    assert_not_in(str(problem.value))


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads arguments in /proc")
def test_psql_is_not_told_the_password_where_everybody_can_read_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PGPASSWORD", "")  # as it was, when the test is over
    monkeypatch.setenv("PGOPTIONS", "")
    assert run_psql(settings, ["-c", '\\! tr "\\0" " " < /proc/$PPID/cmdline']) == 0
    told = capfd.readouterr().out
    assert "psql" in told
    assert "user=postgres" in told
    assert_not_in(told)


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/outside", "a/./b", "a\\..\\b", "a\0b"])
def test_no_name_of_a_table_or_file_leads_out_of_the_root(tmp_path: Path, name: str) -> None:
    root = tmp_path / "lake"
    target, files = ParquetTarget(url=str(root)), FileStore(url=str(root))
    rows = pa.table({"fare": [1.0]})
    (tmp_path / "file.parquet").write_bytes(b"PAR1")
    for leave in (
        lambda: target.replace(name, None, rows.to_reader()),
        lambda: target.read(name).read_all(),
        lambda: target.totals(name, None, ["fare"]),
        lambda: files.put(name, None, tmp_path / "file.parquet"),
        lambda: files.facts(name),
    ):
        with pytest.raises((ValueError, TargetError)):
            leave()
    left = {path.name for path in tmp_path.rglob("*") if path.is_file() and ".scratch" not in path.parts}
    assert left == {"file.parquet"}


def test_a_bucket_url_can_not_climb_out_of_its_prefix() -> None:
    with pytest.raises(ValueError, match="not a path below the root"):
        open_objects("gs://bucket/lake/../other")
