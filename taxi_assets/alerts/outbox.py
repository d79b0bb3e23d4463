"""Messages on their way, a part of a sensor's cursor: what can't be sent now is tried again at the next look.

At least once, for each channel by itself: a message is forgotten when everybody got it. Whoever dies between
sending and remembering that sends it again.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from time import monotonic
from typing import Any

from pydantic import BaseModel, Field, model_validator

from taxi_assets.alerts.channels import Channel, MessageKind

MOST_KEPT = 20
"""Messages that wait; older ones are dropped, and how many is said with the next one that goes."""

LONGEST_BODY = 4000
"""Characters: what a chat takes as one message, and what keeps twenty of them in a cursor."""

SENDS_UNTIL = 35.0
"""Seconds into a tick after which no message is begun: with its own 20 s that stays below Dagster's 60."""


class Unsent(BaseModel):
    """A message that has not reached everybody.

    Attributes:
        title: One line.
        body: Plain text; the last line is a link.
        kind: What colour or sign it gets.
        receivers: Positions in ``TAXI_ALERT_URLS`` of who has not got it; None for all. Never their URLs.
    """

    title: str
    body: str
    kind: MessageKind
    receivers: list[int] | None = None


class Outbox(BaseModel):
    """What one sensor still has to send.

    Attributes:
        messages: Oldest first.
        dropped: How many were given up since the last that went, by position in ``TAXI_ALERT_URLS``.
        refused: Positions of who failed last time, longest ago first. They are asked after all others: one
            that hangs takes 20 s, and two of them all the time that there is.
    """

    messages: list[Unsent] = Field(default_factory=list)
    dropped: dict[int, int] = Field(default_factory=dict)
    refused: list[int] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _of_messages_alone(cls, data: Any) -> Any:
        """Earlier cursors hold the bare list."""
        return {"messages": data} if isinstance(data, list) else data

    def add(self, messages: Iterable[Unsent]) -> None:
        """Take messages on, cut to a bearable length."""
        self.messages += [message.model_copy(update={"body": _cut(message.body)}) for message in messages]

    def deliver(self, channels: Sequence[Channel], log: logging.Logger, began: float) -> list[str]:
        """Send what waits, oldest first, over each channel until it fails; what did not go stays.

        Args:
            channels: To everybody.
            log: Gets a warning for each channel that failed.
            began: When the tick did, by ``time.monotonic``.

        Returns:
            What failed, a sentence for each channel.
        """
        if not channels:
            self.messages, self.dropped, self.refused = [], {}, []
            return []
        waiting = [set(_receivers(message, len(channels))) for message in self.messages]
        failed = []
        for number in self._in_turn(len(channels)):
            if why := self._send_over(channels[number], number, waiting, began + SENDS_UNTIL):
                failed.append(f"{channels[number].name}: {why}")
                log.warning(f"A message could not be sent over {failed[-1]}. It is tried again.")
        self._keep(waiting)
        return failed

    def _in_turn(self, channels: int) -> Iterator[int]:
        """Positions in the order in which they are asked."""
        last = [number for number in self.refused if number < channels]
        yield from [number for number in range(channels) if number not in last]
        yield from last

    def _send_over(
        self, channel: Channel, number: int, waiting: Sequence[set[int]], deadline: float
    ) -> str | None:
        for message, receivers in zip(self.messages, waiting, strict=True):
            if number not in receivers:
                continue
            if monotonic() > deadline:
                return None
            why = channel.send(message.title, self._body(message, number), message.kind)
            self.refused = [other for other in self.refused if other != number]
            if why:
                self.refused.append(number)
                return why
            receivers.discard(number)
            self.dropped.pop(number, None)
        return None

    def _body(self, message: Unsent, number: int) -> str:
        dropped = self.dropped.get(number, 0)
        said = f"{dropped} older messages could not be sent and were dropped: Dagster has what they told."
        return f"{message.body}\n{said}" if dropped else message.body

    def _keep(self, waiting: Sequence[set[int]]) -> None:
        left = [
            message.model_copy(update={"receivers": sorted(receivers)})
            for message, receivers in zip(self.messages, waiting, strict=True)
            if receivers
        ]
        for message in left[:-MOST_KEPT]:
            for number in message.receivers or ():
                self.dropped[number] = self.dropped.get(number, 0) + 1
        self.messages = left[-MOST_KEPT:]


def _receivers(message: Unsent, channels: int) -> Sequence[int]:
    """Positions of who has not got a message: everybody, if the setting has become shorter meanwhile."""
    known = message.receivers
    return known if known is not None and all(number < channels for number in known) else range(channels)


def _cut(body: str) -> str:
    """A body of bearable length, with its last line, the link."""
    text, _, link = body.rpartition("\n")
    return body if len(body) <= LONGEST_BODY else f"{text[: LONGEST_BODY - len(link) - 2]}…\n{link}"
