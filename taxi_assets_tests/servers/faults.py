"""How an answer of the test CDN can go wrong: one dataclass, and the usual faults by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field

BLOCK = 1 << 16


@dataclass(frozen=True)
class Fault:
    """How one answer differs from what it should be. See the functions below for the usual ones.

    Attributes:
        status: Sent instead of the file's answer, with ``body``.
        headers: Added to the answer, or put in the place of its own; None leaves one out.
        body: Sent instead of the file.
        stop_after: The connection is cut after so many bytes of body.
        stall: Seconds without a byte before it is cut.
        drip: Bytes of each piece, with ``pause`` seconds between them.
        pause: See ``drip``.
        ignores_ranges: The whole file, with 200, whatever was asked for.
        republish: Published in the file's place once the answer is out.
        on_head: A HEAD uses the fault up too.
    """

    status: int | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: bytes | None = None
    stop_after: int | None = None
    stall: float = 0.0
    drip: int = BLOCK
    pause: float = 0.0
    ignores_ranges: bool = False
    republish: bytes | None = None
    on_head: bool = False


def status(
    code: int, *, times: int = 1, retry_after: str | None = None, on_head: bool = False
) -> list[Fault]:
    """``times`` answers with an error code."""
    headers = {"Retry-After": retry_after} if retry_after is not None else {}
    return [Fault(status=code, headers=headers, body=b"error\n", on_head=on_head)] * times


def unavailable(*, times: int = 1, retry_after: str | None = None) -> list[Fault]:
    """``times`` answers 503."""
    return status(503, times=times, retry_after=retry_after)


def html() -> Fault:
    """A login page, with 200."""
    return Fault(headers={"Content-Type": "text/html", "ETag": None}, body=b"<!doctype html><p>Log in</p>")


def cut(after: int) -> Fault:
    """The connection ends after ``after`` bytes of body, though more were promised."""
    return Fault(stop_after=after)


def stalled(after: int, seconds: float) -> Fault:
    """Nothing more comes after ``after`` bytes, for ``seconds``."""
    return Fault(stop_after=after, stall=seconds)


def slow(piece: int, pause: float) -> Fault:
    """The body drips."""
    return Fault(drip=piece, pause=pause)


def wrong_length(told: int) -> Fault:
    """``Content-Length`` says ``told``; the body ends there, or early."""
    return Fault(headers={"Content-Length": str(told)}, stop_after=told)


def republished(content: bytes, after: int) -> Fault:
    """The file is replaced by ``content`` while it is sent: the connection ends after ``after`` bytes."""
    return Fault(stop_after=after, republish=content)
