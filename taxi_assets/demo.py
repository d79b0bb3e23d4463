"""The main job, end to end, on one machine and offline: two synthetic months of all four services.

2023-01 and 2023-02 straddle the switch of all four file formats. What is fetched is made up, at the size of
a real green month; everything after that is the product as it runs in production, stores included.
"""

from collections.abc import Iterator
from datetime import date

from rich.console import Console

from taxi_assets.code_location import build_definitions
from taxi_assets.instance import open_instance
from taxi_assets.jobs import mart_jobs, overview_job, reference_job, reports_job, trips_job_name
from taxi_assets.load import run_job
from taxi_assets.recovery.reconciliation import reconcile_job
from taxi_assets.reports import places
from taxi_assets.resources import build_resources
from taxi_assets.settings import Settings
from taxi_assets.status import find_months, print_status
from taxi_assets.tlc.services import SERVICES
from taxi_assets.tlc.source import is_made_up

MONTHS = (date(2023, 1, 1), date(2023, 2, 1))


def run_demo(settings: Settings, console: Console) -> int:
    """Run every service's job over the demo's months and show what the stores hold.

    Returns:
        Exit status: 0 if everything adds up.
    """
    if real := _real_months(settings):
        console.print(
            f"{settings.home} holds real months ({real}); the demo won't mix made-up ones into them. "
            "Set TAXI_HOME to an empty directory for it."
        )
        return 1
    definitions = build_definitions(settings)
    with open_instance(settings) as instance:
        # All stops at the first that fails.
        succeeded = all(
            run_job(definitions, name, instance, console, months) for name, months in _jobs(settings)
        )
    if not succeeded:
        return 1
    months = find_months(settings)
    print_status(months, console)
    files = build_resources(settings, conceal=False)["raw_files"]
    pages = [files.uri("/".join(places.OVERVIEW)), files.uri("/".join(places.MONTHLY), MONTHS[-1])]
    console.print(
        "\nWhere to look next:\n"
        f"  {pages[0]}   all months as a page, for a browser\n"
        f"  {pages[1]}   the last of them\n"
        "  make dev      the same months in Dagster's UI, http://localhost:3000\n"
        "  make psql     the tables in Postgres; \\d lists them\n"
        f"  {settings.lake_url}/lake   the same rows as Parquet\n"
        "  README.md     real months, other stores, and how it works",
        soft_wrap=True,
        highlight=False,
    )
    return 0 if months and all(month.whole for month in months) else 1


def _jobs(settings: Settings) -> Iterator[tuple[str, tuple[date, date] | None]]:
    """Every job in its order, with its months if it has any; the overview shows what the comparison found."""
    yield reference_job().name, None
    for service in SERVICES.values():
        yield trips_job_name(service), MONTHS
    for job in mart_jobs(settings):
        yield job.name, MONTHS
    yield reports_job().name, MONTHS
    yield reconcile_job().name, None
    yield overview_job().name, None


def _real_months(settings: Settings) -> str:
    files = build_resources(settings, conceal=False)["raw_files"]
    kept = {name: files.partitions(f"raw/{name}_trips") for name in SERVICES}
    real = [
        f"{name} {month:%Y-%m}"
        for name, months in kept.items()
        for month, facts in months.items()
        if month and not is_made_up(facts)
    ]
    return ", ".join(real[:3])
