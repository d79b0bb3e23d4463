"""Settings: what is read, what is refused and in which words, and that no password is among them."""

import string
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from taxi_assets.setting_values import has_password, redacted
from taxi_assets.settings import TLC_URL, Settings, SettingsError

MEANT = "postgresql://ana:{0}@db.example.org:5432/taxi"


def refusal(**environment: str) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(environment)
    return str(caught.value)


def test_nothing_set_means_embedded_stores_below_the_home_directory_and_the_tlc_as_source() -> None:
    settings = Settings.from_environment({})
    home = Path.home() / ".taxi_assets"
    assert settings == Settings(
        home=home,
        dagster_home=home / "dagster",
        postgres_url="embedded",
        postgres_schema="taxi",
        lake_url=str(home / "lake"),
        warehouse_url=f"duckdb:///{home}/warehouse.duckdb",
        source_url=TLC_URL,
        months_per_run={"yellow": 6, "green": 24, "fhv": 12, "fhvhv": 2},
    )


def test_the_stores_follow_the_home_directory(tmp_path: Path) -> None:
    settings = Settings.from_environment({"TAXI_HOME": str(tmp_path)})
    assert settings.home == tmp_path
    assert settings.lake_url == str(tmp_path / "lake")
    assert settings.warehouse_url == f"duckdb:///{tmp_path}/warehouse.duckdb"


def test_the_process_environment_is_read_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAXI_SOURCE_URL", "synthetic?rows=500")
    assert Settings.from_environment().source_url == "synthetic?rows=500"


@pytest.mark.parametrize("empty", ["", " ", "\t"])
def test_an_empty_variable_counts_as_unset(empty: str) -> None:
    names = ("HOME", "POSTGRES_URL", "POSTGRES_SCHEMA", "LAKE_URL", "WAREHOUSE_URL", "SOURCE_URL")
    environment = {f"TAXI_{name}": empty for name in names} | {"DAGSTER_HOME": empty}
    assert Settings.from_environment(environment) == Settings.from_environment({})


def test_defaults_of_the_caller_stand_only_where_nothing_is_set() -> None:
    defaults = {"TAXI_SOURCE_URL": "synthetic", "TAXI_POSTGRES_SCHEMA": "demo"}
    settings = Settings.from_environment({"TAXI_POSTGRES_SCHEMA": "mine", "TAXI_SOURCE_URL": ""}, defaults)
    assert (settings.source_url, settings.postgres_schema) == ("synthetic", "mine")


def test_a_tilde_is_the_home_directory_everywhere() -> None:
    settings = Settings.from_environment(
        {
            "TAXI_HOME": "~/taxi",
            "DAGSTER_HOME": "~/dagster",
            "TAXI_LAKE_URL": "~/lake",
            "TAXI_WAREHOUSE_URL": "duckdb:///~/w.duckdb",
            "TAXI_SOURCE_URL": "file://~/files",
        }
    )
    home = Path.home()
    assert (settings.home, settings.dagster_home) == (home / "taxi", home / "dagster")
    assert settings.lake_url == f"{home}/lake"
    assert settings.warehouse_url == f"duckdb:///{home}/w.duckdb"
    assert settings.source_url == f"file://{home}/files"


ACCEPTED = {
    "TAXI_POSTGRES_URL": [
        "embedded",
        "postgresql://ana@host/db",
        "postgresql://ana:s%40cret@host:5432/db?sslmode=require",
        "postgresql://one:5432,two:5433/db",
        "postgresql://[::1]:5432/db",
        "postgresql:///db?host=/var/run/postgresql",
    ],
    "TAXI_POSTGRES_SCHEMA": ["taxi", "_x1", "a" * 57],
    "TAXI_LAKE_URL": ["/data/lake", "file:///data/lake", "gs://bucket", "gs://my-bucket.example/a/b"],
    "TAXI_WAREHOUSE_URL": [
        "duckdb:////data/w.duckdb",
        "bigquery://project-1/dataset",
        "bigquery://project/dataset?location=EU",
    ],
    "TAXI_SOURCE_URL": [
        "https://mirror.example.org/tlc",
        "http://127.0.0.1:8000",
        "http://[::1]:8000/x",
        "https://ana:secret@mirror.example.org/tlc",
        "/data/files",
        "gs://bucket/tlc",
        "synthetic",
        "synthetic?rows=10",
    ],
}


@pytest.mark.parametrize(
    ("variable", "value"), [(name, value) for name in ACCEPTED for value in ACCEPTED[name]]
)
def test_a_good_value_is_kept_as_it_is(variable: str, value: str) -> None:
    settings = Settings.from_environment({variable: value})
    assert getattr(settings, variable.removeprefix("TAXI_").lower()) == value


REFUSED = [
    ("TAXI_HOME", "~no-such-user/taxi", "no such home directory"),
    ("DAGSTER_HOME", "~no-such-user", "no such home directory"),
    ("TAXI_POSTGRES_URL", "yes", "must be 'embedded' or postgresql://"),
    ("TAXI_POSTGRES_URL", "mysql://host/db", "postgresql://user@host:5432/database"),
    ("TAXI_POSTGRES_URL", "postgresql://host", "with a database"),
    ("TAXI_POSTGRES_URL", "postgresql://host/", "with a database"),
    ("TAXI_POSTGRES_URL", "postgresql://[host/db", "with a database"),
    ("TAXI_POSTGRES_URL", "postgresql://host:port/db", "with a database"),
    ("TAXI_POSTGRES_SCHEMA", "Taxi", "small letters"),
    ("TAXI_POSTGRES_SCHEMA", "a" * 58, "at most 57"),
    ("TAXI_POSTGRES_SCHEMA", "pg_taxi", "not pg_"),
    ("TAXI_POSTGRES_SCHEMA", 'a"; DROP', "small letters"),
    ("TAXI_LAKE_URL", "lake", "a directory (absolute, or below ~), or gs://bucket/prefix"),
    ("TAXI_LAKE_URL", "s3://bucket", "gs://bucket/prefix"),
    ("TAXI_LAKE_URL", "gs://", "needs a bucket"),
    ("TAXI_LAKE_URL", "gs://[x", "needs a bucket"),
    ("TAXI_LAKE_URL", "~no-such-user/lake", "a directory"),
    ("TAXI_WAREHOUSE_URL", "duckdb://", "duckdb:////absolute/file.duckdb"),
    ("TAXI_WAREHOUSE_URL", "duckdb:////", "duckdb:////absolute/file.duckdb"),
    ("TAXI_WAREHOUSE_URL", "bigquery://project", "bigquery://project/dataset"),
    ("TAXI_WAREHOUSE_URL", "bigquery://project/a/b", "bigquery://project/dataset"),
    ("TAXI_WAREHOUSE_URL", "bigquery://project/d?region=EU", "no parameter region, only location"),
    ("TAXI_WAREHOUSE_URL", "snowflake://x", "duckdb:////absolute/file.duckdb or bigquery://"),
    ("TAXI_SOURCE_URL", "synthetics", "or 'synthetic'"),
    ("TAXI_SOURCE_URL", "https://", "needs a host"),
    ("TAXI_SOURCE_URL", "https:///path", "needs a host"),
    ("TAXI_SOURCE_URL", "http://[x/", "needs a host"),
    ("TAXI_SOURCE_URL", "gs:///tlc", "needs a bucket"),
    ("TAXI_SOURCE_URL", "ftp://host/tlc", "https://"),
]


@pytest.mark.parametrize(("variable", "value", "right"), REFUSED)
def test_a_bad_value_is_refused_in_one_sentence_that_says_what_is_right(
    variable: str, value: str, right: str
) -> None:
    text = refusal(**{variable: value})
    start, _, rest = text.partition(": it ") if ": it " in text else text.partition(": there ")
    assert start.startswith(f"{variable} is ")
    assert redacted(value) in start
    assert right in rest
    assert text.endswith(".")
    assert "\n" not in text


def test_every_problem_has_a_line_of_its_own() -> None:
    lines = refusal(
        TAXI_POSTGRES_URL="no", TAXI_LAKE_URL="lake", TAXI_SOURCE_URL="synthetic", TAXI_POSTGRES_SCHEMA="A"
    ).splitlines()
    assert [line.split(" ", 1)[0] for line in lines] == [
        "TAXI_POSTGRES_URL",
        "TAXI_POSTGRES_SCHEMA",
        "TAXI_LAKE_URL",
    ]


# Marked at both ends, so that what is left of it is found however short it is.
passwords = st.text(string.ascii_letters + string.digits + "@:/?#[]%&=+$, ;'\"\\{}<>|^~é℀", max_size=12).map(
    lambda text: f"Zq7{text}x9Q"
)
NO_HOST = "postgresql://ana:{0}"
FORMS = [
    MEANT,
    "postgresql://ana:{0}@/taxi",
    "postgresql://ana:{0}@db",  # no database
    "postgresql://:{0}@db",
    NO_HOST,
    "postgres:/ana:{0}@db/taxi",
    "postgresql//ana:{0}@db/taxi",
    "psql://ana:{0}@db/taxi",
    "ana:{0}@db/taxi",
    "host=db user=ana password={0}",
    "host=db PASSWORD = {0}",
    "mysql://db/taxi?user=ana&password={0}",
]


@given(password=passwords, form=st.sampled_from(FORMS))
@example(password="Zq7@x9Q", form=MEANT)
@example(password="Zq7://x9Q", form=MEANT)
@example(password="Zq7/x9Q", form=NO_HOST)
def test_no_piece_of_a_password_is_in_an_error_or_a_repr(password: str, form: str) -> None:
    assume("@" not in password or form != NO_HOST)  # what follows the last @ is a host
    url = form.format(password)
    assert has_password(url)
    for variable in ("TAXI_POSTGRES_URL", "TAXI_SOURCE_URL", "TAXI_LAKE_URL", "TAXI_WAREHOUSE_URL"):
        try:
            text = repr(Settings.from_environment({variable: url}))
        except SettingsError as error:
            text = str(error) + repr(error) + repr(error.__cause__) + repr(error.__context__)
        assert "Zq7" not in text
        assert "x9Q" not in text


@given(password=passwords)
def test_a_password_is_accepted_when_it_is_escaped(password: str) -> None:
    url = MEANT.format(quote(password, safe=""))
    assert Settings.from_environment({"TAXI_POSTGRES_URL": url}).postgres_url == url


@pytest.mark.parametrize("character", "@/?#")
def test_a_password_that_would_end_the_host_too_early_is_refused(character: str) -> None:
    text = refusal(TAXI_POSTGRES_URL=MEANT.format(f"12{character}34"))
    assert "%40" in text


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ana@db:5432/taxi",
        "postgresql://one:5432,two:5433/taxi",
        "https://mirror.example.org:8443/tlc",
        "http://[::1]:8000/x",
        "gs://bucket/a:b",
        "/data/lake",
        TLC_URL,
    ],
)
def test_a_url_without_a_password_is_shown_whole(url: str) -> None:
    assert redacted(url) == url
    assert not has_password(url)


def test_a_signed_url_is_treated_as_a_secret() -> None:
    assert has_password("https://mirror.example.org/tlc?sig=abc")
