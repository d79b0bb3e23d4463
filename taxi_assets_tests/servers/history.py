"""Opens the history that another process writes, or has written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dagster import DagsterInstance


@contextmanager
def history(home: Path) -> Iterator[DagsterInstance]:
    """The history in a ``DAGSTER_HOME``, whose ``dagster.yaml`` takes its place from the environment."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DAGSTER_HOME", str(home))
        with DagsterInstance.from_config(str(home)) as instance:
            yield instance
