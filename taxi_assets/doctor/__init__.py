"""``taxi-assets doctor``: goes to everything that the settings name, and says what would not work and why.

Nothing is changed that stays: probes are rolled back or deleted. The embedded Postgres server alone is
really started (and stopped), which makes its files below ``TAXI_HOME`` the first time.
"""

from rich.console import Console

from taxi_assets.doctor.alerts import examine_alerts
from taxi_assets.doctor.finding import Finding
from taxi_assets.doctor.home import examine_dagster, examine_home
from taxi_assets.doctor.lake import examine_lake
from taxi_assets.doctor.landing import examine_landing
from taxi_assets.doctor.postgres import EMBEDDED_LIMIT, examine_postgres
from taxi_assets.doctor.report import show
from taxi_assets.doctor.source import examine_source
from taxi_assets.doctor.warehouse import examine_warehouse
from taxi_assets.doctor.watch import LIMIT, Check, watched
from taxi_assets.settings import Settings

__all__ = ["Finding", "examine", "main"]


def examine(settings: Settings) -> list[Finding]:
    """Look at everything that is switched on, one after the other; never raises, and never hangs."""
    postgres_limit = EMBEDDED_LIMIT if settings.postgres_url == "embedded" else LIMIT
    checks = (
        Check("TAXI_HOME", "directory", examine_home),
        Check("DAGSTER_HOME", "directory", examine_dagster),
        Check("TAXI_SOURCE_URL", "source", examine_source),
        Check("TAXI_LANDING_URL", "files", examine_landing),
        Check("TAXI_POSTGRES_URL", "server", examine_postgres, postgres_limit),
        Check("TAXI_LAKE_URL", "lake", examine_lake),
        Check("TAXI_WAREHOUSE_URL", "warehouse", examine_warehouse),
        Check("TAXI_ALERT_URLS", "alerts", examine_alerts),
    )
    off = {
        f"TAXI_{target.upper()}_URL" for target in ("postgres", "warehouse") if target not in settings.targets
    }
    return [finding for check in checks if check.setting not in off for finding in watched(check, settings)]


def main(settings: Settings, console: Console | None = None) -> int:
    """Examine, print, and return the exit status: 1 if there is a problem, else 0, warnings or not."""
    findings = examine(settings)
    show(findings, console)
    return int(any(finding.level == "problem" for finding in findings))
