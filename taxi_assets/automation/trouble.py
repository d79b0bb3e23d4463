"""A source that does not answer, a lake that can't be asked: said in the log at once, to people if it lasts.

What only a person can mend is told at once.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from taxi_assets.alerts.channels import MessageKind
from taxi_assets.alerts.outbox import Unsent
from taxi_assets.automation.cursor import PublicationCursor, Trouble, Where
from taxi_assets.words import moment, short

TOLD_AFTER = timedelta(hours=6)
"""Until people are told: a source is down for an hour now and then, and nothing is missed by that."""

_NO_ANSWER: Mapping[Where, str] = {
    "source": "No good answer",
    "lake": "The lake could not be asked",
}


@dataclass
class Troubles:
    """What is wrong with a service's source and with the lake.

    Attributes:
        service: Its name.
        cursor: What is remembered of it; changed here.
        now: The tick's time.
        log: The tick's log.
        told_after: See ``TOLD_AFTER``.
        ui_url: Where people open Dagster.
    """

    service: str
    cursor: PublicationCursor
    now: datetime
    log: logging.Logger
    told_after: timedelta = TOLD_AFTER
    ui_url: str = ""

    def found(self, where: Where, why: str, *, for_good: bool = False) -> str:
        """There is trouble, or still; says so in words.

        Args:
            where: What is in trouble.
            why: In a sentence, without secrets.
            for_good: Whether waiting can't help.
        """
        if where not in self.cursor.troubles:
            self.cursor.troubles[where] = Trouble(since=self.now)
            self.log.warning(why)
        trouble = self.cursor.troubles[where]
        since = moment(trouble.since.timestamp())
        if not trouble.told and (for_good or self.now - trouble.since >= self.told_after):
            trouble.told = True
            lines = [short(why), f"No month of {self.service} is loaded by itself until that ends."]
            self._tell(f"{self.service}: the {where} gives no good answer since {since}", lines, "failure")
        return f"{_NO_ANSWER[where]} since {since}: {why}"

    def ended(self, where: Where) -> None:
        """All is well; said where it was not."""
        trouble = self.cursor.troubles.pop(where, None)
        if trouble is None:
            return
        since = moment(trouble.since.timestamp())
        self.log.info(f"the {where} answers again; it did not since {since}")
        if trouble.told:
            lines = [f"It gave no good answer since {since}. What was published meanwhile is asked for now."]
            self._tell(f"{self.service}: the {where} answers again", lines, "success")

    def _tell(self, title: str, lines: list[str], kind: MessageKind) -> None:
        body = "\n".join([*lines, f"{self.ui_url}/automation"])
        self.cursor.outbox.add([Unsent(title=title, body=body, kind=kind)])
