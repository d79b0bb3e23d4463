"""Settings: environment variables in, typed and checked values out.

Nothing else reads our variables; those of other programs, like Google's credentials, are read where used.

A variable that can't be understood stops the code location from loading, with one sentence for each: which
variable, what was read (never a password), and what would be right.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from pathlib import Path

from taxi_assets import setting_values as values
from taxi_assets.setting_values import TARGET_NAMES, expanded, redacted
from taxi_assets.tlc.services import SERVICES, parse_month

TLC_URL = "https://d37ci6vzurychx.cloudfront.net/trip-data"
"""Where the TLC publishes: one file per service and month."""


KNOWN = (
    "TAXI_HOME",
    "TAXI_POSTGRES_URL",
    "TAXI_POSTGRES_SCHEMA",
    "TAXI_LAKE_URL",
    "TAXI_WAREHOUSE_URL",
    "TAXI_SOURCE_URL",
    "TAXI_TARGETS",
    "TAXI_LANDING_URL",
    "TAXI_WATCH_FROM",
    "TAXI_POLL_SECONDS",
    "TAXI_RETRY_SECONDS",
    "TAXI_MONTHS_PER_RUN",
    "TAXI_MAX_ROWS_FACTOR",
    "TAXI_MAX_QUARANTINE_SHARE",
    "TAXI_ALERT_URLS",
    "TAXI_UI_URL",
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
        targets: ``TAXI_TARGETS``: the targets that are switched on; all three by default.
        landing_url: ``TAXI_LANDING_URL``: where people put files by hand, or '' for nowhere.
        watch_from: ``TAXI_WATCH_FROM``: the first month that the sensors keep complete by themselves, or None
            for the newest published one when they first look.
        poll_seconds: ``TAXI_POLL_SECONDS``: the longest that a sensor waits between two looks.
        retry_seconds: ``TAXI_RETRY_SECONDS``: the first pause before a step is tried again; the next
            ones are 3 and 7 times as long.
        months_per_run: ``TAXI_MONTHS_PER_RUN``: most months in one run of a backfill, by service.
        max_rows_factor: ``TAXI_MAX_ROWS_FACTOR``: how many times more or fewer rows than its neighbours a
            month may have before a person has to look at it.
        max_quarantine_share: ``TAXI_MAX_QUARANTINE_SHARE``: the same for its share of rejected rows.
        alert_urls: ``TAXI_ALERT_URLS``: Apprise's URLs of who is told of failures. Secrets.
        ui_url: ``TAXI_UI_URL``: where people open Dagster's UI, for links in alerts.
    """

    home: Path
    dagster_home: Path
    postgres_url: str = field(repr=False)
    postgres_schema: str
    lake_url: str
    warehouse_url: str
    source_url: str = field(repr=False)
    targets: tuple[str, ...] = TARGET_NAMES
    landing_url: str = ""
    watch_from: date | None = None
    poll_seconds: int = 1800
    retry_seconds: int = 10
    months_per_run: Mapping[str, int] = field(default_factory=dict)
    max_rows_factor: float = 3.0
    max_quarantine_share: float = 0.05
    alert_urls: tuple[str, ...] = field(default=(), repr=False)
    ui_url: str = "http://localhost:3000"

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
                shown = "not understood" if variable == "TAXI_ALERT_URLS" else repr(redacted(value))
                problems.append(f"{variable} is {shown}: {problem}.")
            return value

        home = Path(expanded(read("TAXI_HOME", "~/.taxi_assets", values.check_home))).absolute()
        texts = {
            "dagster_home": read("DAGSTER_HOME", str(home / "dagster"), values.check_home),
            "postgres_url": read("TAXI_POSTGRES_URL", "embedded", values.check_postgres),
            "postgres_schema": read("TAXI_POSTGRES_SCHEMA", "taxi", values.check_name),
            "lake_url": read("TAXI_LAKE_URL", str(home / "lake"), values.check_lake),
            "warehouse_url": read(
                "TAXI_WAREHOUSE_URL", f"duckdb:///{home / 'warehouse.duckdb'}", values.check_warehouse
            ),
            "source_url": read("TAXI_SOURCE_URL", TLC_URL, values.check_source),
            "targets": read("TAXI_TARGETS", ",".join(TARGET_NAMES), values.check_targets),
            "landing_url": read("TAXI_LANDING_URL", "", values.check_landing),
            "watch_from": read("TAXI_WATCH_FROM", "", values.check_month),
            "poll_seconds": read("TAXI_POLL_SECONDS", "1800", values.check_seconds),
            "retry_seconds": read("TAXI_RETRY_SECONDS", "10", values.check_pause),
            "months_per_run": read("TAXI_MONTHS_PER_RUN", "", values.check_months_per_run),
            "max_rows_factor": read("TAXI_MAX_ROWS_FACTOR", "3", values.check_factor),
            "max_quarantine_share": read("TAXI_MAX_QUARANTINE_SHARE", "0.05", values.check_share),
            "alert_urls": read("TAXI_ALERT_URLS", "", values.check_alert_urls),
            "ui_url": read("TAXI_UI_URL", "http://localhost:3000", values.check_ui),
        }
        problems += _misspelt(given)
        if problems:
            raise SettingsError("\n".join(problems))
        return _typed(home, texts)

    @property
    def audit_schema(self) -> str:
        """Postgres schema of the audit trail."""
        return f"{self.postgres_schema}_audit"

    def interval(self, usual: int) -> int:
        """Seconds between two looks of a sensor that usually waits for ``usual``."""
        return min(usual, self.poll_seconds)


def _typed(home: Path, texts: Mapping[str, str]) -> Settings:
    """Checked texts as what they mean."""
    sized = dict(pair.strip().split("=") for pair in texts["months_per_run"].split(",") if pair)
    usual: dict[str, int] = {name: service.months_per_run for name, service in SERVICES.items()}
    return Settings(
        home=home,
        dagster_home=Path(expanded(texts["dagster_home"])).absolute(),
        postgres_url=texts["postgres_url"],
        postgres_schema=texts["postgres_schema"],
        lake_url=expanded(texts["lake_url"]),
        warehouse_url=expanded(texts["warehouse_url"]),
        source_url=expanded(texts["source_url"]),
        targets=tuple(name for name in TARGET_NAMES if name in texts["targets"].replace(" ", "").split(",")),
        landing_url=expanded(texts["landing_url"]),
        watch_from=parse_month(texts["watch_from"]) if texts["watch_from"] else None,
        poll_seconds=int(texts["poll_seconds"]),
        retry_seconds=int(texts["retry_seconds"]),
        months_per_run={**usual, **{name: int(months) for name, months in sized.items()}},
        max_rows_factor=float(texts["max_rows_factor"]),
        max_quarantine_share=float(texts["max_quarantine_share"]),
        alert_urls=tuple(texts["alert_urls"].split()),
        ui_url=texts["ui_url"].rstrip("/"),
    )


def _misspelt(given: Mapping[str, str]) -> list[str]:
    """A variable that nobody reads would leave its setting at the default, and fill the wrong store."""
    strangers = sorted(name for name in given if name.startswith("TAXI_") and name not in KNOWN)
    return [
        f"{name} is no setting: did you mean {' or '.join(near)}?"
        for name in strangers
        if (near := get_close_matches(name, KNOWN, n=1))
    ]
