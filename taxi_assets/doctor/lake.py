"""The lake: an object is put, read and deleted, which is all that loads do."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from taxi_assets.doctor.directory import directory
from taxi_assets.doctor.finding import About, Finding
from taxi_assets.settings import Settings
from taxi_assets.targets.objects import open_objects
from taxi_assets.words import error_line

_ABOUT = About("TAXI_LAKE_URL")
_TIMEOUT = 5.0


def examine_lake(settings: Settings) -> Iterator[Finding]:
    """The directory or bucket that ``TAXI_LAKE_URL`` names."""
    if is_bucket(settings):
        return _examine_bucket(settings.lake_url)
    return _examine_directory(settings.lake_url)


def is_bucket(settings: Settings) -> bool:
    """Whether the lake is on Cloud Storage."""
    return settings.lake_url.startswith("gs://")


def find_bucket(url: str) -> Any:
    """The bucket's own properties, by one request. ``storage.buckets.get`` is needed for nothing else."""
    import google.cloud.storage as storage  # type: ignore[import-untyped]

    return storage.Client().get_bucket(urlsplit(url).netloc, timeout=_TIMEOUT, retry=None)


def _examine_directory(url: str) -> Iterator[Finding]:
    path = Path(unquote(urlsplit(url).path)) if url.startswith("file:") else Path(url)
    for finding in directory(_ABOUT, path):
        yield finding
        if finding.level == "problem":
            return
    yield _round_trip(url)


def _examine_bucket(url: str) -> Iterator[Finding]:
    from google.api_core.exceptions import Forbidden, NotFound, Unauthorized
    from google.auth.exceptions import GoogleAuthError

    bucket = urlsplit(url).netloc
    try:
        yield _round_trip(url)
    except NotFound:
        yield _ABOUT.problem(
            "bucket",
            f"bucket {bucket} does not exist",
            f"gcloud storage buckets create gs://{bucket} --location=US, or correct TAXI_LAKE_URL.",
        )
    except Forbidden as error:
        yield _ABOUT.problem(
            "rights",
            error_line(error),
            f"Grant roles/storage.objectUser on gs://{bucket} to the account that these credentials are of.",
        )
    except (GoogleAuthError, Unauthorized) as error:
        yield _ABOUT.problem(
            "credentials",
            error_line(error),
            "Run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS.",
        )
    else:
        yield bucket_properties(url)


def bucket_properties(url: str) -> Finding:
    """Location, storage class and versioning, where the account may see them."""
    from google.api_core.exceptions import Forbidden

    try:
        bucket = find_bucket(url)
    except Forbidden:
        return _ABOUT.ok("bucket", "its location and versioning may not be seen, and need not be")
    found = f"location {bucket.location}, storage class {bucket.storage_class}"
    if bucket.versioning_enabled:
        return _ABOUT.warning(
            "bucket",
            f"{found}, versioning on: every month that is replaced stays, and is paid for",
            "Turn versioning off, or add a lifecycle rule that deletes noncurrent versions.",
        )
    if bucket.storage_class in {"NEARLINE", "COLDLINE", "ARCHIVE"}:
        return _ABOUT.warning(
            "bucket",
            f"{found}: months that are replaced early cost a fee, and so does every read",
            f"gcloud storage buckets update gs://{bucket.name} --default-storage-class=STANDARD",
        )
    return _ABOUT.ok("bucket", f"{found}, versioning off")


def _round_trip(url: str) -> Finding:
    """Put, read and delete one object, by the very calls of a load."""
    objects = open_objects(url)
    key = f"_doctor/{uuid.uuid4().hex}.txt"
    local = objects.scratch() / f"{uuid.uuid4().hex}.txt"
    content = key.encode()
    local.write_bytes(content)
    try:
        objects.put(local, key, {"made by": "taxi-assets doctor"} if objects.remote else None)
        with objects.open_input(key) as stored:
            read = stored.read()
        objects.delete(key)
    finally:
        local.unlink(missing_ok=True)
    if read != content:
        return _ABOUT.problem(
            "objects", f"{objects.uri(key)} held other bytes than were put", "Don't use this store."
        )
    return _ABOUT.ok("objects", f"{url}: an object was put, read and deleted")
