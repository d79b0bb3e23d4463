"""Gathers the facts: Dagster's records of every month, its checks, the newest comparison, the audit trail."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from dagster import (
    AssetCheckKey,
    DagsterInstance,
    DagsterRunStatus,
)

from taxi_assets.assets.common import monthly_partitions, trips_key
from taxi_assets.assets.content import content_version
from taxi_assets.assets.gate import CHECK as GATE
from taxi_assets.audit.trail import Load, newest
from taxi_assets.checks.newest import NAME as NEWEST
from taxi_assets.health.beside import failed_beside
from taxi_assets.health.checks import failed_checks
from taxi_assets.health.facts import Facts, Failed, FailedCheck, ServiceFacts, Trail
from taxi_assets.health.why import why_not_made
from taxi_assets.recovery.believed import Record, believed, under_way
from taxi_assets.recovery.compared import newest_comparison
from taxi_assets.recovery.reconciliation import CHECK as COMPARED
from taxi_assets.recovery.standing import stages_of
from taxi_assets.setting_secrets import masked, secrets_of
from taxi_assets.settings import Settings
from taxi_assets.tlc.services import SERVICES, Service, month_key
from taxi_assets.words import error_line

ENTRIES = 3
"""Of the audit trail; ``audit_trail`` and ``taxi-assets audit`` show more."""

CHECK = "nothing_urgent"

_LOOKED_INTO = frozenset({NEWEST, COMPARED, CHECK})
"""Checks whose question the page asks for itself, and of another day than they did."""


def utc_now() -> datetime:
    """Now."""
    return datetime.now(UTC)


def look(
    instance: DagsterInstance,
    settings: Settings,
    checks: Iterable[AssetCheckKey],
    journal: Any = None,
    clock: Callable[[], datetime] = utc_now,
) -> Facts:
    """Everything that the page says, in one to three seconds for 200 months of four services.

    Args:
        instance: Whose records.
        settings: Which targets are on; what may not be shown.
        checks: Every check of the code location.
        journal: The audit trail; None where Postgres is switched off.
        clock: The time.
    """
    failed = list(failed_checks(instance, [key for key in checks if key.name not in _LOOKED_INTO]))
    waiting = {one.asset: one for one in failed if one.name == GATE}
    busy = under_way(instance)
    status = cache(lambda run_id: _status(instance, run_id))
    services = {
        name: _service(instance, settings, service, waiting, busy.get(name, frozenset()), status)
        for name, service in SERVICES.items()
    }
    return Facts(
        at=clock(),
        services=services,
        targets=settings.targets,
        checks=[one for one in failed if one.name != GATE],
        beside=list(failed_beside(instance, settings, services.values(), status)),
        compared=newest_comparison(instance),
        trail=None if journal is None else trail(journal, settings),
    )


def trail(journal: Any, settings: Settings) -> Trail:
    """The newest entries; a database that is away costs the page nothing else."""
    try:
        with journal.connect() as connection:
            loads = newest(connection, journal.schema_name)[:ENTRIES]
    except Exception as error:  # noqa: BLE001, RUF100 - whatever it is, the page says it
        return Trail(away=masked(error_line(error), secrets_of(settings)))
    return Trail([masked(_entry(load), secrets_of(settings)) for load in loads])


def published_at(record: Record) -> datetime | None:
    """When the TLC put the file there, as it says itself."""
    said = record.facts.get("last_modified", "")
    return datetime.fromisoformat(said) if said else None


def _entry(load: Load) -> str:
    rows = "an unknown number of" if load.rows_standing is None else f"{load.rows_standing:,}"
    return (
        f"{load.target} of {load.service} {month_key(load.trip_month)}, {rows} rows, at {load.when} UTC, "
        f"by {load.launched_by}"
    )


def _service(
    instance: DagsterInstance,
    settings: Settings,
    service: Service,
    waiting: Mapping[str, FailedCheck],
    busy: frozenset[str],
    status: Callable[[str], DagsterRunStatus | None],
) -> ServiceFacts:
    stages = stages_of(settings)
    records = {stage: believed(instance, trips_key(stage, service)) for stage in stages}
    held_back = waiting.get(trips_key("cleaned", service).to_user_string())
    return ServiceFacts(
        service=service,
        months=monthly_partitions(service).get_partition_keys(),
        records=records,
        failed=_failed(instance, service, stages, busy, status),
        busy=busy,
        held_back=held_back.months if held_back else frozenset(),
        held_back_why=held_back.why if held_back else "",
        outdated=_outdated(service, records["cleaned"]),
    )


def _failed(
    instance: DagsterInstance,
    service: Service,
    stages: Iterable[str],
    busy: frozenset[str],
    status: Callable[[str], DagsterRunStatus | None],
) -> Mapping[str, Failed]:
    """Months that a failed run was to make and nobody has made since, under the first stage that failed."""
    found: dict[str, Failed] = {}
    storage = instance.event_log_storage
    before: set[str] = set(busy)  # months whose trouble is further up, or that are being seen to
    for stage in stages:
        key = trips_key(stage, service)
        attempts = storage.get_latest_asset_partition_materialization_attempts_without_materializations(key)
        runs = {
            month: (event, run_id)
            for month, (run_id, event) in attempts.items()
            if month not in before and status(run_id) == DagsterRunStatus.FAILURE
        }
        if not runs:
            continue
        why = why_not_made(instance, _step(service, stage), max(runs.values())[1])
        found[stage] = Failed(frozenset(runs), why)
        if stage in {"raw", "cleaned"}:
            before |= runs.keys()
    return found


def _step(service: Service, stage: str) -> str:
    """Key of the step that makes a stage."""
    cleaning = stage in {"cleaned", "quarantined"}
    return f"clean_{service.name}_trips" if cleaning else "__".join(trips_key(stage, service).path)


def _status(instance: DagsterInstance, run_id: str) -> DagsterRunStatus | None:
    run = instance.get_run_by_id(run_id)
    return run.status if run else None


def _outdated(service: Service, cleaned: Mapping[str, Record]) -> frozenset[str]:
    """Months that were cleaned by the default rules of another day; who chose others did so on purpose."""
    return frozenset(
        month
        for month, record in cleaned.items()
        if record.facts.get("rule_set") == "default"
        and "sha256" in record.facts
        and record.facts.get("version") != content_version(service, month, record.facts["sha256"])
    )
