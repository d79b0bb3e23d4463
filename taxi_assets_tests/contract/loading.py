"""Loads in processes of their own, that can be killed.

Processes are forked from a server that has imported everything and done nothing: 30 ms instead of the
2 s of a fresh interpreter, and no thread is forked with them.
"""

import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import pyarrow as pa

from taxi_assets.targets.parquet import ParquetTarget
from taxi_assets.targets.target import Target
from taxi_assets_tests.contract.rows import JANUARY, TABLE, trips
from taxi_assets_tests.servers.processes import apart

_PRELOAD = ["taxi_assets_tests.contract.loading", "taxi_assets_tests.contract.targets"]
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(_PRELOAD)


@contextmanager
def loader(
    target: Target, rows: int, generation: int, month: date
) -> Iterator[tuple[BaseProcess, Connection]]:
    """A process that says ``go`` when it is about to replace the month, and ``done`` when it has."""
    arguments = (type(target), target.model_dump(), dict(os.environ), rows, generation, month)
    with apart(_context, _load, *arguments) as running:
        yield running


def _load(
    kind: type[Target],
    fields: dict[str, Any],
    environment: dict[str, str],
    rows: int,
    generation: int,
    month: date,
    say: Connection,
) -> None:
    os.environ.update(environment)
    target = kind(**fields)
    table = trips(rows, generation, month)
    say.send("go")
    report = target.replace(TABLE, month, _slowly(table), {"version": str(generation)})
    say.send(f"done {report.rows}")


@contextmanager
def taker(source: ParquetTarget, target: Target) -> Iterator[tuple[BaseProcess, Connection]]:
    """A process that says ``go`` when it is about to take the source's January, and its rows when it has."""
    arguments = (source.url, type(target), target.model_dump())
    with apart(_context, _take, *arguments) as running:
        yield running


def _take(source: str, kind: type[Target], fields: dict[str, Any], say: Connection) -> None:
    target, objects = kind(**fields), ParquetTarget(url=source).objects(TABLE, JANUARY)
    assert objects is not None
    say.send("go")
    report = target.replace_from(TABLE, JANUARY, objects, {"version": "2"})
    assert report is not None
    say.send(report.rows)


def _slowly(table: pa.Table) -> pa.RecordBatchReader:
    """Small batches, each of which takes its producer a moment: time to be killed in."""

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in table.to_batches(max_chunksize=500):
            time.sleep(0.004)
            yield batch

    return pa.RecordBatchReader.from_batches(table.schema, batches())
