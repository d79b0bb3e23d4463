"""How often and how long to try again, and what counts as worth it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential, wait_random

from taxi_assets.tlc.source.source import SourceUnavailable

_log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """Limits of one download, in seconds unless said otherwise.

    Attributes:
        attempts: Tries in all. Eight, with the waits below, bridge about two minutes.
        first_wait: Wait before the second try; it doubles with each further one, plus up to ``first_wait``.
        longest_wait: Limit of that doubling.
        longest_retry_after: Limit of what a server's ``Retry-After`` may impose.
        connect: Limit to open a connection.
        read: Limit between two pieces of an answer.
        slowest: Bytes a second, averaged over an answer that is older than ``read``, below which the
            connection is given up: a drip of single bytes passes every other limit.
        deadline: Over which Google's client retries one call: it counts no attempts.
    """

    attempts: int = 8
    first_wait: float = 1.0
    longest_wait: float = 60.0
    longest_retry_after: float = 300.0
    connect: float = 10.0
    read: float = 60.0
    slowest: float = 4096.0
    deadline: float = 120.0


class Passing(Exception):  # noqa: N818 - never leaves the package
    """This try failed, the next may not. Carries no text of a client's exception unredacted."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


def persist(patience: Patience, shown: str, attempt: Callable[[], T]) -> T:
    """Call ``attempt`` until it does not raise ``Passing``.

    Raises:
        SourceUnavailable: It still does after all tries.
    """
    retrying = Retrying(
        retry=retry_if_exception_type(Passing),
        stop=stop_after_attempt(patience.attempts),
        wait=_Wait(patience),
        before_sleep=lambda state: _announce(state, shown, patience),
        reraise=True,
    )
    try:
        return retrying(attempt)
    except Passing as last:
        reason = last.reason
    raise SourceUnavailable(
        f"{shown}: given up after {patience.attempts} attempts; the last one found: {reason}. Nothing was "
        "changed; run again later, or check the network and TAXI_SOURCE_URL."
    )


class _Wait:
    """Exponential with jitter, or what the server asks for, within the limit."""

    def __init__(self, patience: Patience) -> None:
        self._limit = patience.longest_retry_after
        self._own = wait_exponential(multiplier=patience.first_wait, max=patience.longest_wait) + wait_random(
            0, patience.first_wait
        )

    def __call__(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, Passing) else None
        return self._own(state) if asked is None else min(asked, self._limit)


def _announce(state: RetryCallState, shown: str, patience: Patience) -> None:
    error = state.outcome.exception() if state.outcome else None
    wait = state.next_action.sleep if state.next_action else 0.0
    _log.warning(
        "%s: attempt %d of %d: %s; again in %.1f s",
        *(shown, state.attempt_number, patience.attempts, error, wait),
    )


def parse_retry_after(value: str | None, date_header: str | None) -> float | None:
    """Seconds that a ``Retry-After`` asks for, which is a number or a date; None if it says nothing.

    A date counts from the server's own ``Date``, so that a clock that is off does no harm.
    """
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    until = parse_http_date(value)
    if until is None:
        return None
    now = parse_http_date(date_header) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds())


def parse_http_date(value: str | None) -> datetime | None:
    """A date header as a moment in UTC, or None if it is absent or no date."""
    try:
        moment = parsedate_to_datetime(value or "")
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
