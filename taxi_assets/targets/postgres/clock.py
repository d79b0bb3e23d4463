"""How long each phase of a load took."""

import time


class Clock:
    """Seconds of each phase, in order."""

    def __init__(self) -> None:
        """Start with the first phase."""
        self.laps: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, phase: str) -> None:
        """End a phase; the next one begins."""
        now = time.monotonic()
        self.laps[phase] = now - self._last
        self._last = now
