"""Settings: environment variables in, typed and checked values out. Nothing else reads the environment.

A variable that can't be understood stops the code location from loading, with one sentence for each: which
variable, what was read (never a password), and what would be right.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import parse_qs

TLC_URL = "https://d37ci6vzurychx.cloudfront.net/trip-data"
"""Where the TLC publishes: one file per service and month."""


KNOWN = (
    "TAXI_HOME",
    "TAXI_POSTGRES_URL",
    "TAXI_POSTGRES_SCHEMA",
    "TAXI_LAKE_URL",
    "TAXI_WAREHOUSE_URL",
    "TAXI_SOURCE_URL",
    "TAXI_REAL_DATA",  # where tests find real files
)


class SettingsError(ValueError):
    """One or more environment variables can't be understood."""


@dataclass(frozen=True)
class Settings:
    """What the code location is told from outside.

    Attributes:
        home: ``TAXI_HOME``: embedded stores, Dagster's history, temporary files.
        dagster_home: ``DAGSTER_HOME``: Dagster's settings and history, by default in ``home``.
        postgres_url: ``TAXI_POSTGRES_URL``: ``embedded``, or a server. May hold a password.
        postgres_schema: ``TAXI_POSTGRES_SCHEMA``: schema of the tables.
        lake_url: ``TAXI_LAKE_URL``: a directory, or ``gs://bucket/prefix``.
        warehouse_url: ``TAXI_WAREHOUSE_URL``: ``duckdb:///file``, or ``bigquery://project/dataset``.
        source_url: ``TAXI_SOURCE_URL``: the TLC, a mirror, a directory, ``gs://…``, or ``synthetic``.
    """

    home: Path
    dagster_home: Path
    postgres_url: str = field(repr=False)
    postgres_schema: str
    lake_url: str
    warehouse_url: str
    source_url: str = field(repr=False)

    @staticmethod
    def from_environment(
        environment: Mapping[str, str] | None = None, defaults: Mapping[str, str] | None = None
    ) -> "Settings":
        """Read and check every variable.

        Args:
            environment: Instead of the process's own.
            defaults: For variables that are unset or empty, instead of the usual ones.

        Raises:
            SettingsError: Some can't be understood; the message has a line for each.
        """
        given = os.environ if environment is None else environment
        problems: list[str] = []

        def read(variable: str, default: str, check: Callable[[str], str | None]) -> str:
            value = given.get(variable, "").strip() or (defaults or {}).get(variable, default)
            if problem := check(value):
                problems.append(f"{variable} is {redacted(value)!r}: {problem}.")
            return value

        home = Path(_expanded(read("TAXI_HOME", "~/.taxi_assets", _check_home))).absolute()
        settings = Settings(
            home=home,
            dagster_home=Path(_expanded(read("DAGSTER_HOME", str(home / "dagster"), _check_home))).absolute(),
            postgres_url=read("TAXI_POSTGRES_URL", "embedded", _check_postgres),
            postgres_schema=read("TAXI_POSTGRES_SCHEMA", "taxi", _check_name),
            lake_url=_expanded(read("TAXI_LAKE_URL", str(home / "lake"), _check_lake)),
            warehouse_url=_expanded(
                read("TAXI_WAREHOUSE_URL", f"duckdb:///{home / 'warehouse.duckdb'}", _check_warehouse)
            ),
            source_url=_expanded(read("TAXI_SOURCE_URL", TLC_URL, _check_source)),
        )
        problems += _misspelt(given)
        if problems:
            raise SettingsError("\n".join(problems))
        return settings


def _misspelt(given: Mapping[str, str]) -> list[str]:
    """A variable that nobody reads would leave its setting at the default, and fill the wrong store."""
    strangers = sorted(name for name in given if name.startswith("TAXI_") and name not in KNOWN)
    return [
        f"{name} is no setting: did you mean {' or '.join(near)}?"
        for name in strangers
        if (near := get_close_matches(name, KNOWN, n=1))
    ]


def _expanded(value: str) -> str:
    scheme = next((scheme for scheme in ("file://", "duckdb:///") if value.startswith(scheme)), "")
    # Not Path.expanduser, which raises where there is no such home.
    return scheme + os.path.expanduser(value.removeprefix(scheme))  # noqa: PTH111


# A password is taken for longer than it may be rather than shorter: it may hold '@', '/' and ':' by
# mistake, the scheme may be misspelt or missing, and a number after the last colon is a port.
_PASSWORDS = (
    (re.compile(r"^((?>[^:@]*://)?+[^:]*):.*@", re.DOTALL), r"\1:***@"),
    (re.compile(r"(://[^:/?@\[]*):(?!\d*(?:[/?,]|$))(?!\*\*\*@).*", re.DOTALL), r"\1:***"),
    (re.compile(r"(password\s*=).*", re.DOTALL | re.IGNORECASE), r"\1***"),
)


def redacted(url: str) -> str:
    """A URL or connection string without its password."""
    for pattern, replacement in _PASSWORDS:
        url = pattern.sub(replacement, url)
    return url


def has_password(url: str) -> bool:
    """Whether a URL holds a password, in the place of one or as a parameter; signed URLs count too."""
    signed = url.startswith(("https://", "http://")) and "?" in url
    return signed or redacted(url) != url


def _check_home(value: str) -> str | None:
    return "there is no such home directory" if _expanded(value).startswith("~") else None


_HOST = r"(?:\[[0-9a-fA-F:.]+\]|[^/?#@:,\[\]]*)(?::\d+)?"
_POSTGRES = re.compile(rf"postgresql://(?:[^/?#@]*@)?{_HOST}(?:,{_HOST})*/[^/?#@]+(?:\?[^#]*)?")


def _check_postgres(value: str) -> str | None:
    if value == "embedded":
        return None
    if _POSTGRES.fullmatch(value):
        return None
    return (
        "it must be 'embedded' or postgresql://user@host:5432/database, with a database, "
        "and @ : / ? # in a password as %40 %3A %2F %3F %23"
    )


def _check_name(value: str) -> str | None:
    if re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", value) and not value.startswith("pg_"):
        return None
    return "it must be a name of a schema: small letters, digits and _, at most 63 of them, not pg_…"


_BUCKET = re.compile(r"gs://[\w.-]+(?:/|$)")


def _check_lake(value: str) -> str | None:
    if value.startswith("gs://"):
        return None if _BUCKET.match(value) else "it needs a bucket, gs://bucket/prefix"
    return _check_directory(value, "a directory (absolute, or below ~), or gs://bucket/prefix")


def _check_warehouse(value: str) -> str | None:
    if re.fullmatch(r"duckdb:///[^?#]*[^?#/]", value):
        return None
    if found := re.fullmatch(r"bigquery://[\w.:-]+/\w+(?:\?(.*))?", value):
        unknown = parse_qs(found[1] or "", keep_blank_values=True).keys() - {"location"}
        return f"it knows no parameter {', '.join(sorted(unknown))}, only location" if unknown else None
    return "it must be duckdb:////absolute/file.duckdb or bigquery://project/dataset?location=US"


_SITE = re.compile(rf"https?://(?:[^/?#@]*@)?(?=[^/?#:]){_HOST}(?:[/?#]|$)")


def _check_source(value: str) -> str | None:
    if value == "synthetic" or value.startswith("synthetic?"):
        return None
    if value.startswith("gs://"):
        return None if _BUCKET.match(value) else "it needs a bucket, gs://bucket/prefix"
    if value.startswith(("https://", "http://")):
        return None if _SITE.match(value) else "it needs a host"
    return _check_directory(
        value, "https://…, a directory (absolute, or below ~), gs://bucket/prefix, or 'synthetic'"
    )


def _check_directory(value: str, expected: str) -> str | None:
    path = _expanded(value).removeprefix("file://")
    return None if path.startswith("/") else f"it must be {expected}"
