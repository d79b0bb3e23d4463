"""What the value of each variable may look like: one check a kind, which answers with what would be right."""

import os
import re
from difflib import get_close_matches
from urllib.parse import parse_qs

from taxi_assets.tlc.services import SERVICES, parse_month

TARGET_NAMES = ("postgres", "lake", "warehouse")
"""The stores that the cleaned trips are kept in, in the graph's order; ``assets/stored.py`` has the rest."""


def expanded(value: str) -> str:
    """A path below ``~`` or ``~user``, spelt out; anything else as it is."""
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
    return re.sub(r"(://[^?]*\?).*", _without_signature, url, flags=re.DOTALL)


def _without_signature(query: re.Match[str]) -> str:
    """The query of a bucket's or site's URL may be a signature; ours and Postgres' are options to be read."""
    ours = query.string.startswith(("postgresql:", "bigquery:"))
    return query[0] if ours else f"{query[1]}***"


def has_password(url: str) -> bool:
    """Whether a URL holds a password, in the place of one or as a parameter; signed URLs count too."""
    signed = url.startswith(("https://", "http://")) and "?" in url
    return signed or redacted(url) != url


def check_home(value: str) -> str | None:
    """A directory."""
    return "there is no such home directory" if expanded(value).startswith("~") else None


_HOST = r"(?:\[[0-9a-fA-F:.]+\]|[^/?#@:,\[\]]*)(?::\d+)?"
_POSTGRES = re.compile(rf"postgresql://(?:[^/?#@]*@)?{_HOST}(?:,{_HOST})*/[^/?#@]+(?:\?[^#]*)?")


def check_postgres(value: str) -> str | None:
    """``embedded``, or a server and database."""
    if value == "embedded":
        return None
    if _POSTGRES.fullmatch(value):
        return None
    return (
        "it must be 'embedded' or postgresql://user@host:5432/database, with a database, "
        "and @ : / ? # in a password as %40 %3A %2F %3F %23"
    )


def check_name(value: str) -> str | None:
    """The name of a schema, and room for ``_audit`` after it in Postgres' 63 letters."""
    if re.fullmatch(r"[a-z_][a-z0-9_]{0,56}", value) and not value.startswith("pg_"):
        return None
    return "it must be a name of a schema: small letters, digits and _, at most 57 of them, not pg_…"


_BUCKET = re.compile(r"gs://[\w.-]+(?:/|$)")


def check_lake(value: str) -> str | None:
    """A directory or bucket."""
    if value.startswith("gs://"):
        return None if _BUCKET.match(value) else "it needs a bucket, gs://bucket/prefix"
    return _check_directory(value, "a directory (absolute, or below ~), or gs://bucket/prefix")


def check_warehouse(value: str) -> str | None:
    """A DuckDB file or a BigQuery dataset."""
    if re.fullmatch(r"duckdb:///[^?#]*[^?#/]", value):
        return None
    if found := re.fullmatch(r"bigquery://[\w.:-]+/\w+(?:\?(.*))?", value):
        unknown = parse_qs(found[1] or "", keep_blank_values=True).keys() - {"location"}
        return f"it knows no parameter {', '.join(sorted(unknown))}, only location" if unknown else None
    return "it must be duckdb:////absolute/file.duckdb or bigquery://project/dataset?location=US"


_SITE = re.compile(rf"https?://(?:[^/?#@]*@)?(?=[^/?#:]){_HOST}(?:[/?#]|$)")


def check_source(value: str) -> str | None:
    """Wherever published files may come from."""
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
    path = expanded(value).removeprefix("file://")
    return None if path.startswith("/") else f"it must be {expected}"


def check_landing(value: str) -> str | None:
    """A directory or bucket, or nothing."""
    return check_lake(value) if value else None


def check_targets(value: str) -> str | None:
    """Some of the three, by name."""
    names = [name.strip() for name in value.split(",")]
    unknown = [name for name in names if name not in TARGET_NAMES]
    if unknown:
        near = get_close_matches(unknown[0], TARGET_NAMES, n=1)
        hint = f", did you mean {near[0]}" if near else ""
        return f"it must name targets, separated by commas, out of {', '.join(TARGET_NAMES)}{hint}"
    return "it names a target twice" if len(set(names)) < len(names) else None


def check_month(value: str) -> str | None:
    """A month like 2024-01, or nothing."""
    try:
        found = bool(not value or (re.fullmatch(r"\d{4}-\d\d", value) and parse_month(value)))
    except ValueError:
        found = False
    return None if found else "it must be a month like 2024-01"


def check_months_per_run(value: str) -> str | None:
    """``green=24,fhvhv=1``, or nothing."""
    pairs = [pair.strip() for pair in value.split(",")] if value else []
    if all(re.fullmatch(rf"({'|'.join(SERVICES)})=[1-9]\d{{0,2}}", pair) for pair in pairs):
        return None
    return f"it must be like green=24,fhvhv=1, with services out of {', '.join(SERVICES)}"


def check_seconds(value: str) -> str | None:
    """A number of seconds, from 1 to a day."""
    fits = value.isdecimal() and 1 <= int(value) <= 86_400
    return None if fits else "it must be a whole number of seconds, from 1 to 86400"


def check_pause(value: str) -> str | None:
    """A number of seconds, from none to an hour."""
    fits = value.isdecimal() and int(value) <= 3600
    return None if fits else "it must be a whole number of seconds, from 0 to 3600"


def check_share(value: str) -> str | None:
    """A share between 0 and 1."""
    fits = re.fullmatch(r"\d*\.?\d+", value) and 0 < float(value) <= 1
    return None if fits else "it must be a share above 0 and up to 1, like 0.05"


def check_factor(value: str) -> str | None:
    """A number above 1."""
    fits = re.fullmatch(r"\d+\.?\d*", value) and float(value) > 1
    return None if fits else "it must be a number above 1, like 3"


def check_alert_urls(value: str) -> str | None:
    """Apprise's URLs, separated by spaces or line ends; each has a scheme. Never quoted: they are secrets."""
    fits = all(re.match(r"[a-z][a-z0-9.+-]*://", url) for url in value.split())
    return None if fits else "it must be Apprise URLs separated by spaces, like slack://… mailto://…"


def check_ui(value: str) -> str | None:
    """Where people open Dagster's UI. It stands in every alert, so it holds no secret."""
    fits = _SITE.match(value) and not re.search(r"[@?#]", value)
    return None if fits else "it must be the bare address of the UI, like http://localhost:3000"
