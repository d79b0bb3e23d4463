"""The product as a person runs it: ``taxi-assets dev``, a process tree of UI, daemon, code server and runs.

Tests talk to it as people do, over the UI's GraphQL; what came of it they read in Dagster's history and
in the stores. ``kill`` is what a power cut does to the tree, runs included; ``start`` again is the
machine that comes back.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil
import requests
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

from taxi_assets.health.asset import JOB as PAGE_OF_HEALTH
from taxi_assets_tests.servers.history import history
from taxi_assets_tests.servers.processes import free_port

T = TypeVar("T")

READY_WITHIN = 120  # seconds; 12 when the machine is idle
_QUICK = {
    "TAXI_POLL_SECONDS": "1",
    "TAXI_RETRY_SECONDS": "1",
    "FRESHNESS_DAEMON_INTERVAL_SECONDS": "2",
    "DAGSTER_DISABLE_TELEMETRY": "yes",
    "NO_PROXY": "127.0.0.1",
    "no_proxy": "127.0.0.1",
}

_BACKFILL = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
    ... on PartitionKeysNotFoundError { message }
  }
}
"""

_RUN = """
mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""


@dataclass
class DagsterDev:
    """One installation: its home, its settings, and the processes while they run."""

    home: Path
    settings: Mapping[str, str]
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the processes get."""
        outside = {k: v for k, v in os.environ.items() if not k.startswith(("TAXI_", "DAGSTER_"))}
        return {**outside, **_QUICK, "TAXI_HOME": str(self.home), **self.settings}

    @property
    def log(self) -> Path:
        """What all processes print."""
        return self.home.parent / f"{self.home.name}.dagster-dev.log"

    def start(self) -> None:
        """Start it and wait until the UI knows the code location."""
        self.home.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "taxi_assets", "dev", "-p", str(self.port)],
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        query = "{ repositoriesOrError { __typename ... on RepositoryConnection { nodes { name } } } }"
        self.wait(lambda: bool(self._asked(query).get("repositoriesOrError", {}).get("nodes")), READY_WITHIN)

    def stop(self) -> None:
        """Ask it to end, as Ctrl-C does, and wait."""
        if self._process is None:
            return
        tree = self.tree()
        self._process.terminate()
        _, left = psutil.wait_procs(tree, timeout=30)
        _killed(left)
        self._process.wait()
        self._process = None

    def kill(self) -> None:
        """Kill every process of it at once: UI, daemon, code server, runs."""
        if self._process is None:
            return
        _killed(self.tree())
        self._process.wait()
        self._process = None

    def tree(self) -> list[psutil.Process]:
        """All living processes of it."""
        if self._process is None or self._process.poll() is not None:
            return []
        root = psutil.Process(self._process.pid)
        return [root, *root.children(recursive=True)]

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The answer of the UI's GraphQL; errors raise."""
        answer = requests.post(
            f"http://127.0.0.1:{self.port}/graphql",
            json={"query": query, "variables": variables},
            timeout=300,
        ).json()
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    def backfill(self, assets: Sequence[str], months: Sequence[str], **more: Any) -> str:
        """Launch a backfill as the UI's dialog does; returns its id."""
        params = {
            "assetSelection": [{"path": asset.split("/")} for asset in assets],
            "partitionNames": list(months),
            **more,
        }
        launched = self.ask(_BACKFILL, params=params)["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        return str(launched["backfillId"])

    def launch(
        self,
        job: str,
        month: str | None = None,
        assets: Sequence[str] | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> str:
        """Launch a run as the UI's launchpad does; returns its id."""
        selector: dict[str, Any] = {
            "repositoryLocationName": "taxi_assets",
            "repositoryName": "__repository__",
            "pipelineName": job,
        }
        if assets:
            selector["assetSelection"] = [{"path": asset.split("/")} for asset in assets]
        tags = [{"key": "dagster/partition", "value": month}] if month else []
        params = {
            "selector": selector,
            "runConfigData": dict(config or {}),
            "executionMetadata": {"tags": tags},
        }
        launched = self.ask(_RUN, params=params)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    @contextmanager
    def instance(self) -> Iterator[DagsterInstance]:
        """Dagster's history, for reading beside the running processes."""
        with history(self.home / "dagster") as instance:
            yield instance

    def runs(self, *statuses: DagsterRunStatus, **tags: str) -> list[DagsterRun]:
        """Runs in these states with these tags, newest first.

        Without the page of health, which a schedule makes anew at seven past the hour, whatever is tested.
        """
        with self.instance() as instance:
            found = instance.get_runs(RunsFilter(statuses=list(statuses) or None, tags=tags or None))
        return [run for run in found if run.job_name != PAGE_OF_HEALTH]

    def wait(self, condition: Callable[[], T], within: float) -> T:
        """Wait until the condition holds and return what it gave.

        Raises:
            AssertionError: It did not; ends with what the processes printed last.
        """
        deadline = time.monotonic() + within
        while not (found := condition()):
            process = self._process
            ended = process is not None and process.poll() is not None
            if ended or time.monotonic() > deadline:
                state = "the processes ended" if ended else f"not within {within} s"
                tail = self.log.read_text(errors="replace")[-6000:] if self.log.exists() else ""
                raise AssertionError(f"{state}: {condition}\n{tail}")
            time.sleep(0.25)
        return found

    def _asked(self, query: str) -> dict[str, Any]:
        try:
            return self.ask(query)
        except requests.RequestException:
            return {}


def _killed(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=10)


@contextmanager
def dagster_dev(home: Path, settings: Mapping[str, str]) -> Iterator[DagsterDev]:
    """Run the product for the length of the block."""
    running = DagsterDev(home, settings)
    try:
        running.start()
        yield running
    finally:
        running.stop()
