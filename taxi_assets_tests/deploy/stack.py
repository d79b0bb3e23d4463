"""The stack of ``docker-compose.yml`` as an operator has it: started, asked over the UI's GraphQL, killed."""

import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import requests

from taxi_assets_tests.deploy.engine import Engine, compose_command, said
from taxi_assets_tests.servers.dagster_dev import _BACKFILL, _RUN
from taxi_assets_tests.servers.processes import free_port

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
IMAGE = "taxi-assets:test"
CONTAINERS = ("webserver", "daemon", "code", "postgres")

_BACKFILL_STATUS = """
query ($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } } }
"""
_RUNS = """
query ($filter: RunsFilter!) {
  runsOrError(filter: $filter) { ... on Runs { results { runId status tags { key value } } } }
}
"""
_CHECK = """
query ($asset: AssetKeyInput!, $check: String!) {
  assetCheckExecutions(assetKey: $asset, checkName: $check, limit: 1) { status }
}
"""


@dataclass
class Stack:
    """A running stack of its own name, ports and passwords."""

    engine: Engine
    variables: Path
    port: int
    project: str = f"taxi_assets_test_{os.getpid()}"

    def compose(self, *arguments: str, check: bool = True) -> str:
        """The output of a Compose command over the project's own file."""
        line = [
            *(compose_command(), "--project-name", self.project, "--project-directory", str(ROOT)),
            *("--file", str(ROOT / "docker-compose.yml"), "--env-file", str(self.variables), *arguments),
        ]
        return said(line, self.engine.environment, check=check)

    def inside(self, service: str, *command: str) -> str:
        """The output of a command in a service's container."""
        return self.compose("exec", "-T", service, *command)

    def started_at(self, service: str) -> str:
        """When the service's container was last started, as the engine tells it."""
        name = f"{self.project}-{service}-1"
        return self.engine.run("inspect", "--format", "{{.State.Running}} {{.State.StartedAt}}", name).strip()

    def kill(self, service: str) -> None:
        """Kill every process in a container at once; its restart policy brings it back."""
        before = self.started_at(service)
        name = f"{self.project}-{service}-1"
        self.engine.run("exec", name, "sh", "-c", "kill -9 -1", check=False)
        self.wait(lambda: (now := self.started_at(service)) != before and now.startswith("true"), 300)

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The answer of the UI's GraphQL, also while the UI is being started again."""

        def answer() -> dict[str, Any] | None:
            try:
                sent = {"query": query, "variables": variables}
                answered = requests.post(
                    f"http://127.0.0.1:{self.port}/graphql", json=sent, timeout=60
                ).json()
            except (requests.RequestException, ValueError):
                return None
            if "errors" in answered:  # Dagster's database is being started again
                return None
            data: dict[str, Any] = answered["data"]
            return data

        return self.wait(answer, 300)

    def backfill(self, assets: Sequence[str], months: Sequence[str]) -> str:
        """Launch a backfill as the UI's dialog does; returns its id."""
        params = {
            "assetSelection": [{"path": asset.split("/")} for asset in assets],
            "partitionNames": list(months),
        }
        launched = self.ask(_BACKFILL, params=params)["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        return str(launched["backfillId"])

    def backfill_status(self, backfill: str) -> str:
        """``REQUESTED``, ``COMPLETED_SUCCESS`` and the like."""
        return str(self._asked_for("status", "partitionBackfillOrError", _BACKFILL_STATUS, id=backfill))

    def runs(self, *statuses: str, **tags: str) -> list[dict[str, Any]]:
        """Runs in these states with these tags, newest first."""
        wanted: dict[str, Any] = {"tags": [{"key": key, "value": value} for key, value in tags.items()]}
        if statuses:
            wanted["statuses"] = list(statuses)
        found: list[dict[str, Any]] = self._asked_for("results", "runsOrError", _RUNS, filter=wanted)
        return found

    def launch(self, job: str) -> str:
        """Launch a run of a job; returns its id."""
        selector = {
            "repositoryLocationName": "taxi_assets",
            "repositoryName": "__repository__",
            "pipelineName": job,
        }
        launched = self.ask(_RUN, params={"selector": selector, "runConfigData": {}})["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    def run_status(self, run: str) -> str:
        """How a run stands."""
        (found,) = self._asked_for("results", "runsOrError", _RUNS, filter={"runIds": [run]})
        return str(found["status"])

    def check_status(self, asset: str, check: str) -> str:
        """How the newest evaluation of a check ended."""
        (found,) = self.ask(_CHECK, asset={"path": asset.split("/")}, check=check)["assetCheckExecutions"]
        return str(found["status"])

    def _asked_for(self, name: str, field: str, query: str, **variables: Any) -> Any:
        """What a field of an answer holds under a name, once it is no error: a database is being started."""
        answered = self.wait(
            lambda: found if name in (found := self.ask(query, **variables)[field]) else None, 300
        )
        return answered[name]

    def whole_months(self, service: str) -> list[str]:
        """Months of a service that every store holds alike, by asking the stores."""
        table = self.compose("exec", "-T", "code", "taxi-assets", "status", check=False)
        return re.findall(rf"^{service}\s+(\d{{4}}-\d\d)\s.*\syes\s*$", table, re.MULTILINE)

    def wait(self, condition: Callable[[], T | None], within: float) -> T:
        """Wait until the condition holds and return what it gave.

        Raises:
            AssertionError: It did not; ends with what the containers printed last.
        """
        deadline = time.monotonic() + within
        while not (found := condition()):
            if time.monotonic() > deadline:
                logs = self.compose("logs", "--tail", "15", "--no-color", check=False)
                raise AssertionError(f"not within {within} s\n{logs[-8000:]}")
            time.sleep(1)
        return found


@contextmanager
def running_stack(engine: Engine, settings: dict[str, str], profiles: Sequence[str] = ()) -> Iterator[Stack]:
    """The stack, healthy, for the length of the block; its volumes go with it."""
    port = free_port()
    given = {
        "IMAGE": IMAGE,
        "DAGSTER_PORT": str(port),
        "POSTGRES_PORT": str(free_port()),
        **{name: f"made-up-{name[0].lower()}" for name in PASSWORDS},
        **settings,
    }
    with tempfile.TemporaryDirectory() as folder:
        variables = Path(folder) / "env"
        variables.write_text("".join(f"{name}={value}\n" for name, value in given.items()))
        stack = Stack(engine, variables, port)
        chosen = [word for profile in profiles for word in ("--profile", profile)]
        try:
            stack.compose(*chosen, "up", "--no-build", "--wait", "--wait-timeout", "300")
            yield stack
        finally:
            stack.compose(*chosen, "down", "--volumes", "--timeout", "5", check=False)


PASSWORDS = ("POSTGRES_PASSWORD", "DAGSTER_DB_PASSWORD", "TRIPS_DB_PASSWORD")
