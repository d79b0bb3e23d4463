"""A client of one dataset: finds tables, runs queries, and makes sure that a job runs exactly once.

Google's library is imported on first use: a code location that uses another warehouse never pays for it.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from taxi_assets.targets.bigquery.errors import is_about_project, is_passing
from taxi_assets.targets.bigquery.names import Place
from taxi_assets.targets.target import TargetError

if TYPE_CHECKING:
    from google.api_core.retry import Retry
    from google.cloud import bigquery
    from google.cloud.bigquery.table import RowIterator

EMULATOR_VARIABLE = "BIGQUERY_EMULATOR_HOST"  # Google's client itself reads it; it has no other switch
_MOST_ATTEMPTS = 20  # a job id that failed is spent for ever, the next attempt needs another

_Job = TypeVar("_Job", bound="bigquery.LoadJob | bigquery.QueryJob")


def emulator() -> str | None:
    """URL of the emulator that the environment names, if it names one."""
    return os.environ.get(EMULATOR_VARIABLE) or None


@dataclass(frozen=True)
class Connection:
    """A dataset, the client that reaches it, and the patience to use.

    Attributes:
        client: Google's client.
        place: The dataset.
        retry: Google's own retry policy (5xx, 429, broken connections), with our deadline.
        job_timeout: Seconds to wait for one job.
    """

    client: "bigquery.Client"
    place: Place
    retry: "Retry"
    job_timeout: float

    def find(self, table: str) -> "bigquery.Table | None":
        """The table as it stands, or None."""
        from google.api_core.exceptions import NotFound

        try:
            return self.client.get_table(self.place.table(table), retry=self.retry)
        except NotFound as error:
            if is_about_project(error):
                raise
            return None

    def tables(self) -> list[str]:
        """Names of the dataset's tables; none if there is no dataset."""
        from google.api_core.exceptions import NotFound

        try:
            return sorted(one.table_id for one in self.client.list_tables(self.place.path, retry=self.retry))
        except NotFound as error:
            if is_about_project(error):
                raise
            return []

    def query(
        self,
        sql: str,
        parameters: "Iterable[bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter]" = (),
        labels: Mapping[str, str] | None = None,
        page_size: int | None = None,
    ) -> "RowIterator":
        """Run one statement; values travel as parameters. A lost answer does not run it twice."""
        from google.cloud import bigquery
        from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY

        config = bigquery.QueryJobConfig(query_parameters=list(parameters), labels=dict(labels or {}))
        again = DEFAULT_JOB_RETRY.with_timeout(self.retry.timeout)  # its own deadline is 40 minutes
        job = self.client.query(sql, job_config=config, retry=self.retry, job_retry=again)
        return job.result(retry=self.retry, timeout=self.job_timeout, page_size=page_size)

    def run_once(self, key: str, submit: Callable[[str], _Job]) -> _Job:
        """Run a job under an id that is made from ``key``, and wait for it.

        The id says what the job does, so sending it again after a lost answer can't run it twice: the
        service answers 409, and the job that is there is taken. One that failed has spent its id.

        Args:
            key: Names the work; equal work has an equal key.
            submit: Sends the job under the id that it is given.
        """
        for attempt in range(_MOST_ATTEMPTS):
            job, ours = self._submit_or_find(f"{key}-{attempt}", submit)
            if not ours and job.state == "DONE" and job.error_result:
                continue
            try:
                job.result(retry=self.retry, timeout=self.job_timeout)
            except Exception as error:
                if job.state == "DONE" and job.error_result and (not ours or is_passing(error)):
                    continue
                raise
            return job
        raise TargetError(
            f"job {key} failed {_MOST_ATTEMPTS} times: see the job history of {self.place.project}"
        )

    def _submit_or_find(self, job_id: str, submit: Callable[[str], _Job]) -> tuple[_Job, bool]:
        from google.api_core.exceptions import Conflict

        try:
            return self.retry(submit)(job_id), True
        except Conflict:
            return self.job(job_id), False

    def job(self, job_id: str) -> Any:
        """The job as it stands now.

        Raises:
            google.api_core.exceptions.NotFound: There is none of that id.
        """
        return self.client.get_job(job_id, location=self.place.location, retry=self.retry)

    def succeeded(self, key: str) -> Any | None:
        """The job under ``key`` that ended well, if one did. Doesn't wait for those that run."""
        return next((job for job in self.jobs(key) if job.state == "DONE" and not job.error_result), None)

    def jobs(self, key: str) -> list[Any]:
        """Every job that was ever submitted under ``key``."""
        from google.api_core.exceptions import NotFound

        found: list[Any] = []
        for attempt in range(_MOST_ATTEMPTS):
            try:
                found.append(self.job(f"{key}-{attempt}"))
            except NotFound:
                break
        return found

    def ensure_dataset(self) -> None:
        """Create the dataset if there is none, and make sure that it is where the URL says.

        Raises:
            TargetError: It is somewhere else.
        """
        from google.api_core.exceptions import NotFound
        from google.cloud import bigquery

        try:
            found = self.client.get_dataset(self.place.path, retry=self.retry)
        except NotFound as error:
            if is_about_project(error):
                raise
            wanted = bigquery.Dataset(self.place.path)
            wanted.location = self.place.location
            found = self.client.create_dataset(wanted, exists_ok=True, retry=self.retry)
        if found.location and found.location.lower() != self.place.location.lower():
            raise TargetError(
                f"dataset {self.place.path} is in location {found.location}, not in {self.place.location}: "
                f"set ?location={found.location}"
            )


def connect(place: Place, retry_deadline: float, job_timeout: float) -> Connection:
    """A connection to ``place``: the emulator's where the environment names one."""
    from google.cloud.bigquery import DEFAULT_RETRY

    client = _client(place.project, place.location, emulator())
    return Connection(client, place, DEFAULT_RETRY.with_timeout(retry_deadline), job_timeout)


@lru_cache(maxsize=8)
def _client(project: str, location: str, host: str | None) -> "bigquery.Client":
    """One client a project and host: finding credentials can take a second, connections are worth keeping."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    if host is None:
        return bigquery.Client(project=project, location=location)
    return bigquery.Client(
        project=project,
        location=location,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": host},
    )
