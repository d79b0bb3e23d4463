"""The product over several machines: one with the stores, the broker, UI and daemon, and workers beside it.

Every machine has a network, a ``DAGSTER_HOME`` and a ``TAXI_HOME`` of its own; what they share they reach
over the network. Dagster's settings are those that ``deploy/celery`` ships, with shorter times.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml
from celery import Celery

from taxi_assets.targets.objects import open_objects
from taxi_assets_tests.assets.graph import publish
from taxi_assets_tests.scale.network import Machine, machine, middle
from taxi_assets_tests.servers.bigquery import bigquery_emulator
from taxi_assets_tests.servers.dagster_dev import DagsterDev
from taxi_assets_tests.servers.gcs import fake_gcs
from taxi_assets_tests.servers.reached_postgres import postgres_at
from taxi_assets_tests.servers.redis import redis_server

SHIPPED = Path(__file__).parents[2] / "deploy" / "celery" / "dagster.yaml"
BUCKET = "taxi"
DATASET = "taxi"
PROJECT = "test-project"
LOST_AFTER = 12
"""Seconds of silence after which a worker's runs are given to others: some answers, on a busy machine."""


@dataclass
class Worker:
    """A machine that works on runs.

    Attributes:
        machine: Where it is.
        name: By which Celery knows it.
    """

    machine: Machine
    name: str
    process: Any

    def kill(self) -> None:
        """Kill all its processes at once, as a machine that loses its power."""
        root = psutil.Process(self.process.pid)
        tree = [root, *root.children(recursive=True)]
        for one in tree:
            one.kill()
        self.process.wait()
        psutil.wait_procs(tree, timeout=10)


@dataclass
class Cluster:
    """Everything that runs.

    Attributes:
        directory: Where its files are.
        variables: Settings that all machines have.
        lake: Directory of the bucket's objects.
        system: UI and daemon.
        celery: The broker's clients, for asking who works on what.
        most_workers: For how many Dagster's settings are; the same on all machines.
        workers: By number, those that were started.
    """

    directory: Path
    variables: Mapping[str, str]
    lake: Path
    system: DagsterDev
    celery: Celery
    most_workers: int
    workers: dict[int, Worker] = field(default_factory=dict)
    stack: ExitStack = field(default_factory=ExitStack)

    def start_worker(self, number: int) -> Worker:
        """Start a machine with a worker, and wait until it is ready for runs."""
        place = self.stack.enter_context(machine(number))
        home = self.directory / place.name
        _write_settings(home, self.most_workers)
        environment = {**self.system.environment, **_homes(home)}
        name = f"dagster@{place.name}"
        command = [sys.executable, "-m", "celery", "-A", "taxi_assets.scale_out.worker", "worker"]
        process = place.start([*command, "-n", name, "-l", "info"], environment, home / "worker.log")
        self.workers[number] = Worker(place, name, process)
        self.system.wait(lambda: name in self.working(), within=120)
        return self.workers[number]

    def publish(self, keys: Sequence[str], rows: int) -> None:
        """Put synthetic months of green where the source is."""
        published = open_objects(self.variables["TAXI_SOURCE_URL"])
        for path in publish(self.directory / "made", "green", *keys, rows=rows).iterdir():
            published.put(path, path.name)

    def working(self) -> dict[str, list[str]]:
        """Run ids by the name of the worker that works on them; workers that don't answer are left out."""
        answers = self.celery.control.inspect(timeout=1).active() or {}
        tasks = {run.tags.get("dagster-celery/task_id"): run.run_id for run in self.system.runs()}
        return {
            name: [tasks[task["id"]] for task in active if task["id"] in tasks]
            for name, active in answers.items()
        }


@contextmanager
def cluster(directory: Path, workers: int, **settings: str) -> Iterator[Cluster]:
    """Run it without workers for the length of the block.

    Raises:
        NoNamespaces: This machine can't have machines inside.
        RedisMissing: No broker is installed.
        EmulatorUnavailable: No warehouse can be had.
    """
    with ExitStack() as stack:
        address = stack.enter_context(middle())
        broker = stack.enter_context(redis_server(directory, address))
        urls = stack.enter_context(postgres_at(address, directory / "postgres", ["taxi", "dagster"]))
        storage = stack.enter_context(fake_gcs(directory / "buckets", host=address))
        storage.create_bucket(BUCKET)
        warehouse = stack.enter_context(bigquery_emulator(storage.root, host=address))
        variables = {
            "DAGSTER_POSTGRES_URL": urls["dagster"],
            "DAGSTER_CELERY_BROKER_URL": f"{broker}/0",
            "DAGSTER_CELERY_BACKEND_URL": f"{broker}/1",
            "STORAGE_EMULATOR_HOST": storage.endpoint,
            "BIGQUERY_EMULATOR_HOST": warehouse.endpoint,
            "TAXI_POSTGRES_URL": urls["taxi"],
            "TAXI_LAKE_URL": f"gs://{BUCKET}/lake",
            "TAXI_WAREHOUSE_URL": f"bigquery://{PROJECT}/{DATASET}?location=US",
            "TAXI_SOURCE_URL": f"gs://{BUCKET}/published",
            "TAXI_POLL_SECONDS": "1800",
            "NO_PROXY": f"127.0.0.1,{address}",
            "no_proxy": f"127.0.0.1,{address}",
            **settings,
        }
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)  # this process looks into the same stores and the same history
        stack.callback(_restore, before)
        home = directory / "middle"
        _write_settings(home, workers)
        system = DagsterDev(home, {**variables, **_homes(home)})
        stack.callback(system.stop)
        system.start()
        broker_client = Celery(broker=variables["DAGSTER_CELERY_BROKER_URL"])
        made = Cluster(directory, variables, storage.root / BUCKET, system, broker_client, workers)
        with made.stack:
            yield made


def _homes(home: Path) -> dict[str, str]:
    return {"TAXI_HOME": str(home), "DAGSTER_HOME": str(home / "dagster"), "TMPDIR": str(home / "tmp")}


def _write_settings(home: Path, workers: int) -> None:
    """What ``deploy/celery`` ships, where a silence of a minute is one of seconds."""
    (home / "dagster").mkdir(parents=True)
    (home / "tmp").mkdir()
    settings = yaml.safe_load(SHIPPED.read_text())
    launcher = settings["run_launcher"]["config"]
    launcher["lost_after_seconds"] = LOST_AFTER
    launcher["config_source"]["worker_concurrency"] = 1
    settings["run_coordinator"]["config"]["dequeue_interval_seconds"] = 1
    settings["concurrency"]["pools"]["default_limit"] = workers
    settings["run_monitoring"] |= {"poll_interval_seconds": 2, "start_timeout_seconds": 90}
    (home / "dagster" / "dagster.yaml").write_text(yaml.safe_dump(settings))


def _restore(before: Mapping[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
