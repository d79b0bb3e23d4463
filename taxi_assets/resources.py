"""From settings to the stores and IO managers: the one place that chooses a class by a URL."""

from typing import Any

from dagster import EnvVar

from taxi_assets.alerts.resource import Alerts
from taxi_assets.assets.gate import Gate
from taxi_assets.assets.published_source import PublishedSource
from taxi_assets.audit import PostgresJournal
from taxi_assets.setting_values import has_password
from taxi_assets.settings import Settings
from taxi_assets.targets.file_io_manager import FileIOManager
from taxi_assets.targets.files import FileStore
from taxi_assets.targets.io_manager import TargetIOManager
from taxi_assets.targets.postgres import PostgresTarget
from taxi_assets.targets.target import Target


def build_resources(settings: Settings, *, conceal: bool = True) -> dict[str, Any]:
    """Every resource of the code location, by its key.

    Args:
        settings: What to build them from.
        conceal: Leave a URL with a password to Dagster as the name of its variable, so that the UI can't
            show it. False for use outside a run, where nobody replaces the name by what it holds.
    """
    concealed = _concealed if conceal else _plain
    lake, warehouse = lake_target(settings), warehouse_target(settings)
    postgres = postgres_target(settings, concealed("TAXI_POSTGRES_URL", settings.postgres_url))
    raw_files = FileStore(url=settings.lake_url)
    journal = journal_of(settings, postgres)
    return {
        "gate": Gate(
            max_rows_factor=settings.max_rows_factor, max_quarantine_share=settings.max_quarantine_share
        ),
        **({"journal": journal} if journal else {}),
        "source": PublishedSource(url=concealed("TAXI_SOURCE_URL", settings.source_url)),
        "landing": PublishedSource(url=settings.landing_url),
        "raw_files": raw_files,
        "raw_io": FileIOManager(files=raw_files, journal=journal),
        "reports_io": FileIOManager(files=raw_files),  # pages, no rows: nothing for a journal
        "lake": lake,
        "lake_io": TargetIOManager(target=lake, journal=journal),
        "postgres": postgres,
        "postgres_io": TargetIOManager(target=postgres, journal=journal),
        "warehouse": warehouse,
        "warehouse_io": TargetIOManager(target=warehouse, journal=journal),
        "alerts": Alerts(urls=alert_urls(settings, conceal=conceal)),
    }


def journal_of(settings: Settings, postgres: PostgresTarget) -> PostgresJournal | None:
    """The audit trail, in the Postgres target's database; none where that target is switched off."""
    if "postgres" not in settings.targets:
        return None
    return PostgresJournal(postgres=postgres, schema_name=settings.audit_schema)


def lake_target(settings: Settings) -> Target:
    """Hive-partitioned Parquet in a directory or bucket."""
    from taxi_assets.targets.parquet import ParquetTarget

    return ParquetTarget(url=settings.lake_url)


def postgres_target(settings: Settings, url: Any) -> PostgresTarget:
    """Postgres, indexed for what people ask first: when, and from where."""
    return PostgresTarget(
        url=url,
        home=str(settings.home / "postgres"),
        schema_name=settings.postgres_schema,
        brin_columns=["pickup_at"],
        btree_columns=["pu_location_id"],
    )


def warehouse_target(settings: Settings) -> Target:
    """DuckDB in a file, or BigQuery."""
    if settings.warehouse_url.startswith("bigquery:"):
        from taxi_assets.targets.bigquery import BigQueryTarget

        return BigQueryTarget(url=settings.warehouse_url, cluster_by=["pu_location_id"])
    from taxi_assets.targets.duckdb import DuckDBTarget

    return DuckDBTarget(url=settings.warehouse_url)


def alert_urls(settings: Settings, *, conceal: bool) -> Any:
    """Who is told of failures: secrets as a whole, so only ever the variable's name in Dagster."""
    if not settings.alert_urls:
        return ""
    return EnvVar("TAXI_ALERT_URLS") if conceal else " ".join(settings.alert_urls)


def kinds(settings: Settings) -> dict[str, set[str]]:
    """What the UI draws on each target's assets; the graph shows only the last part of their keys."""
    return {
        "postgres": {"postgres"},
        "lake": {"lake", "parquet"} | ({"googlecloud"} if settings.lake_url.startswith("gs://") else set()),
        "warehouse": {
            "warehouse",
            "bigquery" if settings.warehouse_url.startswith("bigquery:") else "duckdb",
        },
    }


def _plain(variable: str, value: str) -> str:  # noqa: ARG001 - stands in for _concealed
    return value


def _concealed(variable: str, value: str) -> Any:
    """The value, or only the variable's name where the UI would show a password."""
    return EnvVar(variable) if has_password(value) else value
