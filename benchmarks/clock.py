"""The clock of one side: seconds on the wall, seconds of processors, seconds by phase.

A side imports what it needs, makes its tables anew, and only then starts the clock: what is compared is the
work, not the start of Python.
"""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from benchmarks.rounds import Run


class Clock:
    """Runs while the block does; children count once they have ended."""

    def __init__(self) -> None:
        self.phases: dict[str, float] = {}
        self._started = self._processor = self._seconds = 0.0

    def __enter__(self) -> "Clock":
        self._processor, self._started = _processor_seconds(), time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._seconds = time.perf_counter() - self._started
        self._processor = _processor_seconds() - self._processor

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count what the block takes under a name."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.phases[name] = self.phases.get(name, 0) + time.perf_counter() - started

    def run(self, rows: int = 0) -> Run:
        """What it says, when the block has ended."""
        return Run(self._seconds, phases=self.phases, processor_seconds=self._processor, rows=rows)


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
