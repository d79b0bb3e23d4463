"""What sensors and schedules go by when they look around: the lake's raw files, the months, earlier runs."""

import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from dagster import DagsterInstance, DagsterRun, RunsFilter, partition_loading_context

from taxi_assets.assets.common import monthly_partitions, trips_key
from taxi_assets.recovery.standing import lost_directory
from taxi_assets.run_tags import RUN_KEY
from taxi_assets.targets.files import FileStore
from taxi_assets.targets.objects import open_objects
from taxi_assets.targets.objects.local import LocalObjects
from taxi_assets.targets.target import Facts
from taxi_assets.tlc.services import Service, month_key
from taxi_assets.tlc.source import Patience

HASTE = Patience(
    attempts=2,
    first_wait=1.0,
    longest_wait=2.0,
    longest_retry_after=3.0,
    connect=5.0,
    read=10.0,
    deadline=20.0,
)
"""Of a look in a tick: the next tick tries again anyway."""


class LakeUnavailable(Exception):  # noqa: N818 - a state that passes
    """The lake could not be asked what it holds. Says why; may quote what a library said."""


def utc_now() -> datetime:
    """The time, by the machine."""
    return datetime.now(UTC)


def held_files(raw_files: FileStore, service: Service) -> dict[str, Facts]:
    """Facts of the published files that the lake holds, by month.

    Raises:
        LakeUnavailable: It can't be listed.
    """
    # Here, not above: a lake in a directory needs none of it.
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    name = "/".join(trips_key("raw", service).path)
    try:
        _require_readable(raw_files, name)
        held = raw_files.partitions(name)
    except (OSError, GoogleAPIError, GoogleAuthError) as error:  # requests' errors are OSErrors
        raise LakeUnavailable(f"{raw_files.url}: {type(error).__name__}: {error}") from error
    return {month_key(month): facts for month, facts in held.items() if month and month.day == 1}


def _require_readable(raw_files: FileStore, name: str) -> None:
    """A directory that can't be read is listed as an empty one: every month in it would look lost."""
    objects = open_objects(raw_files.url)
    if isinstance(objects, LocalObjects):
        with suppress(FileNotFoundError):
            os.scandir(objects.root / name).close()


def partition_keys(service: Service, now: datetime) -> Sequence[str]:
    """The months that may be published by ``now``, oldest first."""
    with partition_loading_context(effective_dt=now):
        return monthly_partitions(service).get_partition_keys()


def runs_asked_for(instance: DagsterInstance, key: str) -> Sequence[DagsterRun]:
    """Runs with a run key."""
    return instance.get_runs(RunsFilter(tags={RUN_KEY: key}))


def version_of(facts: Facts) -> str:
    """What tells a published file from the one before: the ETag, or its date and size where there is none."""
    etag = facts.get("etag", "").removeprefix("W/").strip('"')
    return etag or f"{facts.get('last_modified', '')}+{facts.get('bytes', '')}"


def is_landed(held: Facts | None) -> bool:
    """Whether a person put this file there."""
    return held is not None and held.get("origin") == "landing"


def require_lake(raw_files: FileStore, instance: DagsterInstance, service: Service) -> None:
    """See to it that a lake in which nothing is found is one that never held anything.

    Raises:
        LakeUnavailable: Its directory is gone, and Dagster knows of months in it: a disk is not mounted.
            Every month would be fetched again, into the place where the disk belongs.
    """
    missing = lost_directory(raw_files.url)
    if missing and instance.fetch_materializations(trips_key("raw", service), limit=1).records:
        raise LakeUnavailable(
            f"{missing} is not there, and held months of {service.name}: mount it. "
            "If it is lost for good, make the directory."
        )
