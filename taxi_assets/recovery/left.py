"""What no run can mend is left to people: said once in the tick's log, and over ``TAXI_ALERT_URLS``.

That is a difference which was mended often enough in vain, and a raw file that a person had put into the
landing place and that is no longer there. The publisher's file is another one: put in its place without a
word, it would undo what that person did.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from taxi_assets.alerts.outbox import Unsent
from taxi_assets.assets.published_source import PublishedSource, saying_landing
from taxi_assets.recovery.difference import Comparison, Difference
from taxi_assets.recovery.memory import HealMemory
from taxi_assets.setting_secrets import masked, secrets_of
from taxi_assets.settings import Settings
from taxi_assets.tlc.services import SERVICES, parse_month
from taxi_assets.tlc.source import Patience, SourceError, open_shelf
from taxi_assets.tlc.source.names import SUFFIXES

_HASTE = Patience(attempts=2, first_wait=1.0, longest_wait=2.0, connect=5.0, read=10.0, deadline=20.0)
"""A tick has a minute; the next comparison looks again anyway."""

_TITLE = "taxi_assets: what could not be mended is left to you"

_MOST_LINES = 20
"""Of one message; the check of ``reconciliation`` has all."""


@dataclass(frozen=True)
class Left:
    """A difference that nobody mends but a person.

    Attributes:
        difference: What is wrong.
        why: The rest of the sentence that begins with it.
    """

    difference: Difference
    why: str


def left_to_people(
    memory: HealMemory, comparison: Comparison, landing: PublishedSource, settings: Settings
) -> list[Left]:
    """Every difference that is not to be mended now, told already or not."""
    found = [
        Left(
            one,
            f"after it was loaded again on {' and '.join(attempt.days)}: look at those runs, mend what "
            "they say, and load it",
        )
        for one, attempt in memory.given_up(comparison)
    ]
    known = {one.difference for one in found}
    landed = [
        one
        for one in comparison.differences
        if one.landed and one.stage == "raw" and one not in known and not memory.handled(one)
    ]
    return [*found, *_not_landed(landed, landing, settings)]


def _not_landed(landed: Sequence[Difference], landing: PublishedSource, settings: Settings) -> Iterator[Left]:
    """Those whose file is no longer where its person had put it."""
    if not landed:
        return
    remedy = "put it there, or load the month as published in the launchpad"
    files: Mapping[str, object] = {}
    why = f"and TAXI_LANDING_URL, where a person had put it, is not set: set it, {remedy}"
    if landing.url:
        why = f"and the file that a person had put there is no longer in {settings.landing_url}: {remedy}"
        try:
            with saying_landing():
                files = open_shelf(landing.url, patience=_HASTE).files()
        except (SourceError, ValueError) as error:
            why = f"and the place where a person had put it can't be read: {error}"
    for one in landed:
        service, month = SERVICES[one.service], parse_month(one.month)
        if not any(service.file_name(month, suffix) in files for suffix in SUFFIXES):
            yield Left(one, masked(why, secrets_of(settings)))


def say(left: Sequence[Left], memory: HealMemory, ui_url: str, log: logging.Logger) -> None:
    """Say in the log what is new among that, and make one message of it."""
    new = [one for one in left if not memory.of(one.difference).told]
    for one in new:
        memory.of(one.difference).told = True
        log.error(f"{_named(one)} {one.difference.month} {_wrong(one)}.")
    keyed = sorted(new, key=lambda one: (_named(one), _wrong(one), one.difference.month))
    lines = [
        f"{named} {', '.join(one.difference.month for one in group)} {wrong}."
        for (named, wrong), group in groupby(keyed, key=lambda one: (_named(one), _wrong(one)))
    ]
    if lines:
        rest = [f"and {len(lines) - _MOST_LINES:,} more"] if len(lines) > _MOST_LINES else []
        body = "\n".join([*lines[:_MOST_LINES], *rest, f"{ui_url}/assets/reconciliation"])
        memory.outbox.add([Unsent(title=_TITLE, body=body, kind="failure")])


def _named(one: Left) -> str:
    return f"{one.difference.stage}/{one.difference.service}_trips"


def _wrong(one: Left) -> str:
    return f"is still wrong ({one.difference.kind}) {one.why}"
