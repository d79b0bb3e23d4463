"""A run in a process of its own, which says when it begins and when it is done, so that it can be killed."""

import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from dagster import DagsterInstance

from taxi_assets_tests.assets.graph import Graph
from taxi_assets_tests.servers.processes import apart

# Importing Dagster and the graph takes longer than the run: one process does it for all runs.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["taxi_assets_tests.assets.killing"])


@contextmanager
def run_apart(graph: Graph, first: str, last: str) -> Iterator[tuple[BaseProcess, Connection]]:
    """A process that says ``go`` when its run of green months begins, and then whether it succeeded."""
    temporary = graph.home / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    arguments = (graph.home, graph.postgres_url, graph.source_url, first, last, temporary)
    with apart(_context, _run, *arguments) as running:
        yield running


def _run(
    home: Path, postgres_url: str, source_url: str, first: str, last: str, temporary: Path, say: Connection
) -> None:
    os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    # Dagster's own directory apart, since a killed process can't remove it.
    apart = tempfile.mkdtemp(dir=home.parent)
    graph = Graph(home, postgres_url, source_url, instance=DagsterInstance.ephemeral(tempdir=apart))
    say.send("go")
    say.send(graph.run("green", first, last).success)
