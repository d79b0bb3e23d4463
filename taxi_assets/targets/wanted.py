"""Whether what is about to be stored is still wanted: asked by the store itself, at the last moment.

A run that is taken for dead may only have been cut off: its machine's network was down, or the machine slept.
Its work is given to another run, which may store a newer file's rows; then the first one comes back and goes
on where it was. It must not put its older rows over the newer ones, and can't know better by itself.

So a store asks here right before it makes rows visible. ``TargetIOManager`` and ``FileIOManager`` answer by
Dagster's own history: a run that it calls failed or canceled stores nothing any more.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

from dagster import DagsterRunStatus, Failure, OutputContext

_GIVEN_UP = (DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)


def _always() -> None:
    return None


_ask: ContextVar[Callable[[], None]] = ContextVar("still_wanted", default=_always)


def still_wanted() -> None:
    """Raise if what is about to become visible must not any more; passes where nobody set a condition.

    To be called when all is ready, and after looking at what would be replaced: whoever is given our work
    is so after we were given up, so what it stores is then seen either here or there.
    """
    _ask.get()()


@contextmanager
def while_wanted(ask: Callable[[], None]) -> Iterator[None]:
    """Let ``ask`` answer ``still_wanted`` inside the block, in this thread, by raising or not."""
    token = _ask.set(ask)
    try:
        yield
    finally:
        _ask.reset(token)


def while_run_stands(context: OutputContext) -> AbstractContextManager[None]:
    """Let nothing become visible inside the block once the run counts as failed or canceled."""
    return while_wanted(lambda: require_standing(context))


def require_standing(context: OutputContext) -> None:
    """Raise if the run counts as failed or canceled: asked before each partition too, to spare the work."""
    run = context.step_context.instance.get_run_by_id(context.run_id)
    if run is None or run.status not in _GIVEN_UP:
        return
    raise Failure(
        f"{context.asset_key.to_user_string()} was not stored: this run was given up before "
        f"({run.status.value.lower()}), and its months may be another run's by now. Nothing was changed.",
        allow_retries=False,
    )
