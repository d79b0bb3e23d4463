"""What a sensor remembers from tick to tick: a small JSON document with a version.

A cursor may be garbage (somebody edited it in the UI) or of another version of this code: then the sensor
starts anew. That asks for nothing twice, as the lake tells what is held and Dagster drops a run key that it
has seen.
"""

from datetime import date, datetime
from typing import Literal, TypeAlias, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from taxi_assets.alerts.outbox import Outbox

Where: TypeAlias = Literal["source", "lake"]
"""What may be in trouble."""


class _Remembered(BaseModel):
    model_config = ConfigDict(extra="forbid")  # what another version wrote is not half understood


class Asked(_Remembered):
    """A run that was asked for and whose file is not held yet.

    Attributes:
        version: Of the file at the source.
        run_key: Of the last request.
        at: When that was.
    """

    version: str
    run_key: str
    at: datetime


class Noted(_Remembered):
    """What the source had when a month was found that a person had put there.

    Attributes:
        landed: Version of the person's file, so that another one is noted anew.
        version: Of the file at the source; '' while the month is not published.
    """

    landed: str
    version: str


class Trouble(_Remembered):
    """Something that gives no good answer.

    Attributes:
        since: When it began.
        told: Whether people are told of it.
    """

    since: datetime
    told: bool = False


class PublicationCursor(_Remembered):
    """Memory of a publication sensor; only months in flight or noted are in it.

    Attributes:
        version: Of this document.
        watch_from: First month that the sensor keeps complete by itself, once that is decided.
        troubles: What gives no good answer; empty while all is well.
        outbox: Messages that have not reached everybody; ``unsent`` in earlier cursors.
        failed: The month at which a tick ended early.
        new_after: Last month looked at among those that are not held; the next tick goes on behind it.
        old_after: The same among those that are held.
        asked: Runs that were asked for, by month.
        noted: Months that people put there.
    """

    version: Literal[1]
    watch_from: date | None = None
    troubles: dict[Where, Trouble] = {}
    outbox: Outbox = Field(default_factory=Outbox, validation_alias=AliasChoices("outbox", "unsent"))
    failed: str = ""
    new_after: str = ""
    old_after: str = ""
    asked: dict[str, Asked] = {}
    noted: dict[str, Noted] = {}


class LandingCursor(_Remembered):
    """Memory of the landing sensor; a file that is gone is forgotten.

    Attributes:
        version: Of this document.
        down_since: When the directory or bucket could not be read any more; None while it can.
        seen: Version of each file at the last tick, until it is taken.
        taken: Version of each file that a run was asked for, ``GONE`` once the file went.
        strange: Names that were reported, as they are none of a month's.
        unnamed: How many more there were, of which only the number was reported.
    """

    version: Literal[1]
    down_since: datetime | None = None
    seen: dict[str, str] = {}
    taken: dict[str, str] = {}
    strange: list[str] = []
    unnamed: int = 0


C = TypeVar("C", PublicationCursor, LandingCursor)


def read_cursor(kind: type[C], text: str | None) -> C:
    """The cursor that ``text`` holds, or a new one."""
    try:
        return kind.model_validate_json(text or "")
    except ValidationError:
        return kind(version=1)


def write_cursor(cursor: PublicationCursor | LandingCursor) -> str:
    """``cursor`` as text, without what says nothing."""
    return cursor.model_dump_json(exclude_defaults=True)
