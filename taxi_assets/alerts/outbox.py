"""Messages on their way: what can't be sent now is kept and tried again at the next look.

At least once: a message is forgotten when everybody got it. Whoever dies between sending and remembering
that sends it again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

from taxi_assets.alerts.channels import Channel
from taxi_assets.alerts.memory import Unsent

MOST_KEPT = 20
"""Messages that wait; older ones are dropped, and how many is said with the next one that goes."""

SENDING_SECONDS = 25.0
"""After so long no other message is begun: with the timeout of the last, still within a tick's 60 s."""


class Post(Protocol):
    """What keeps messages between two looks of a sensor.

    Attributes:
        outbox: Messages still to send, oldest first.
        dropped: How many messages were given up since the last that went, by position in ``TAXI_ALERT_URLS``.
    """

    outbox: list[Unsent]
    dropped: dict[int, int]


@dataclass
class Outbox:
    """Post of a sensor whose cursor has no place for what was dropped."""

    outbox: list[Unsent]
    dropped: dict[int, int] = field(default_factory=dict)


def deliver(post: Post, channels: Sequence[Channel], seconds: float = SENDING_SECONDS) -> list[str]:
    """Send what waits, oldest first, over each channel until it fails; what did not go stays.

    Args:
        post: With the messages.
        channels: To everybody.
        seconds: After so long no other message is begun.

    Returns:
        What failed, a sentence for each channel.
    """
    if not channels:
        post.outbox, post.dropped = [], {}
        return []
    waiting = [set(_receivers(message, len(channels))) for message in post.outbox]
    deadline = monotonic() + seconds
    failed = []
    for number, channel in enumerate(channels):
        for message, receivers in zip(post.outbox, waiting, strict=True):
            if number not in receivers:
                continue
            if monotonic() > deadline:
                break
            if why := channel.send(message.title, _body(message, post, number), message.kind):
                failed.append(f"{channel.name}: {why}")
                break
            receivers.discard(number)
            post.dropped.pop(number, None)
    left = [
        message.model_copy(update={"receivers": sorted(receivers)})
        for message, receivers in zip(post.outbox, waiting, strict=True)
        if receivers
    ]
    for message in left[:-MOST_KEPT]:
        for number in message.receivers or ():
            post.dropped[number] = post.dropped.get(number, 0) + 1
    post.outbox = left[-MOST_KEPT:]
    return failed


def _receivers(message: Unsent, channels: int) -> Sequence[int]:
    """Positions of who has not got a message: everybody, if the setting has become shorter meanwhile."""
    known = message.receivers
    return known if known is not None and all(number < channels for number in known) else range(channels)


def _body(message: Unsent, post: Post, number: int) -> str:
    dropped = post.dropped.get(number, 0)
    said = f"{dropped} older messages could not be sent and were dropped: Dagster has what they told."
    return f"{message.body}\n{said}" if dropped else message.body
