"""Who works on what, by the workers' own word: Celery asks them all at once, and some answer.

A worker that is dead or cut off does not answer, and nothing else tells it from one that lives.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

ANSWER_WITHIN = 2.0
"""Seconds that the workers have for an answer; it takes them milliseconds, and every question as long."""

SERVES_FOR = 5.0
"""Seconds for which an answer is good enough: one serves all runs of a round of Dagster's monitoring."""


class BrokerAway(Exception):  # noqa: N818 - a state that passes
    """Nobody can be asked."""


@dataclass
class Workers:
    """The workers of a Celery app."""

    celery: Celery
    _known: dict[str, tuple[float, dict[str, Any]]] = field(default_factory=dict, repr=False)

    def tasks(self) -> frozenset[str]:
        """Ids of the tasks that they work on.

        Raises:
            BrokerAway: It can't be reached.
        """
        answers = self._asked("active")
        return frozenset(task["id"] for tasks in answers.values() for task in tasks)

    def places(self, queue: str) -> int:
        """How many tasks of a queue they work on at once, all together.

        Raises:
            BrokerAway: It can't be reached.
        """
        queues = self._asked("active_queues")
        sizes = {name: answer["pool"]["max-concurrency"] for name, answer in self._asked("stats").items()}
        takers = [name for name, taken in queues.items() if queue in {one["name"] for one in taken}]
        return sum(sizes.get(name, 0) for name in takers)

    def _asked(self, question: str) -> dict[str, Any]:
        asked, known = self._known.get(question, (float("-inf"), {}))
        if time.monotonic() - asked < SERVES_FOR:
            return known
        ask: Callable[[], dict[str, Any] | None] = getattr(
            self.celery.control.inspect(timeout=ANSWER_WITHIN), question
        )
        try:
            answers = ask() or {}
        except (OperationalError, RedisError, OSError) as error:
            raise BrokerAway(str(error)) from error
        self._known[question] = (time.monotonic(), answers)
        return answers
