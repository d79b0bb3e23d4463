"""From a store's refusal to Dagster's failure: the one place that says that a retry can't help."""

from collections.abc import Iterator
from contextlib import contextmanager

from dagster import Failure

from taxi_assets.targets.target import TargetError


@contextmanager
def refusals() -> Iterator[None]:
    """What a store refuses, a retry can't help: a wrong password, a missing right, a type that changed."""
    try:
        yield
    except TargetError as error:
        raise Failure(str(error), allow_retries=False) from error
