"""What the service's refusals mean, in one sentence that says which right or setting is missing.

A refusal that would come again is a ``TargetError``. Quotas, overload, conflicts and broken connections
pass: they keep their own type, so that a caller's retry policy can tell the two apart.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from taxi_assets.targets.bigquery.names import Place
from taxi_assets.targets.target import TargetError

_PASSING_REASONS = frozenset(
    {
        "rateLimitExceeded",
        "quotaExceeded",
        "backendError",
        "internalError",
        "jobBackendError",
        "jobInternalError",
        "jobRateLimitExceeded",
        "stopped",
        "timeout",
    }
)
_PASSING_MESSAGES = re.compile(
    r"concurrent update|serialize access|retrying the (job|query)|transaction conflict"
    # The service lost an upload session or a job, or we lost count of what it has: the next one is new.
    r"|upload session|content-range|not found:? job",
    re.IGNORECASE,
)

_REFUSALS: tuple[tuple[str, str], ...] = (
    (
        r"has not been used in project|accessNotConfigured|SERVICE_DISABLED",
        "the BigQuery API is off in project {project}: enable bigquery.googleapis.com",
    ),
    (r"billing", "project {project} has no billing account, or billing is off: link one"),
    (
        r"bigquery\.datasets\.create",
        "dataset {path} does not exist and may not be created: create it in location {location}, or grant "
        "roles/bigquery.user on project {project}",
    ),
    (
        r"bigquery\.jobs\.",
        "jobs may not be run in project {project}: grant roles/bigquery.jobUser on project {project}",
    ),
    (
        r"storage\.objects|storage\.buckets",
        "the load's objects may not be read: grant roles/storage.objectViewer",
    ),
    (
        r"access ?denied|permission|forbidden|\b403\b",
        "access to dataset {path} is denied: grant roles/bigquery.dataEditor on the dataset, and "
        "roles/bigquery.jobUser on project {project}",
    ),
    (
        r"not found in location|is in location|different location|cannot read and write in different",
        "dataset {path} is not in location {location}: set ?location= in the URL to where it is",
    ),
    (
        r"not found:? project|project .*not found|invalid project|unknown project",
        "project {project} does not exist, or is not visible to these credentials: check the URL",
    ),
    (r"not found:? dataset", "dataset {path} does not exist in location {location}: check the URL"),
    (r"\b401\b|unauthenticated|invalid.*credentials", "the credentials are not accepted: sign in again"),
)
"""Pattern in the service's answer, and what is to be done. The first match wins: narrow ones first."""

_NO_CREDENTIALS = (
    "no Google credentials for dataset {path}: run `gcloud auth application-default login`, or set "
    "GOOGLE_APPLICATION_CREDENTIALS to a service account's key file"
)

_PERMANENT = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
)


@contextmanager
def explained(place: Place) -> Iterator[None]:
    """Turn the service's permanent refusals into ``TargetError``; everything else passes as it is."""
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import DefaultCredentialsError, RefreshError

    try:
        yield
    except GoogleAPICallError as error:
        if is_passing(error):
            raise
        raise TargetError(_sentence(error, place)) from error
    except DefaultCredentialsError as error:
        raise TargetError(_NO_CREDENTIALS.format(path=place.path)) from error
    except RefreshError as error:
        if error.retryable:
            raise
        raise TargetError(
            f"the credentials for dataset {place.path} are not accepted: sign in again"
        ) from error


def is_passing(error: Exception) -> bool:
    """Whether the same request may succeed later: a quota, overload, a conflict, a broken connection."""
    from google.api_core.exceptions import GoogleAPICallError

    if not isinstance(error, GoogleAPICallError):
        return isinstance(error, ConnectionError | TimeoutError)
    if _PASSING_MESSAGES.search(str(error)):
        return True
    return error.code not in _PERMANENT or bool(_reasons(error) & _PASSING_REASONS)


def is_about_project(error: Exception) -> bool:
    """Whether a 404 is about the project, and not about a dataset or a table in it."""
    return re.search(r"not found:? project", str(error), re.IGNORECASE) is not None


def _reasons(error: Exception) -> set[str]:
    entries = getattr(error, "errors", None) or []
    return {entry.get("reason", "") for entry in entries if isinstance(entry, dict)}


def _sentence(error: Exception, place: Place) -> str:
    text = f"{error} {' '.join(_reasons(error))}"
    told = str(getattr(error, "message", error)).split("; reason:", maxsplit=1)[0].strip()
    for pattern, advice in _REFUSALS:
        if re.search(pattern, text, re.IGNORECASE):
            meant = advice.format(project=place.project, path=place.path, location=place.location)
            return f"{meant} (BigQuery: {told})"
    return f"BigQuery refuses: {told}"
