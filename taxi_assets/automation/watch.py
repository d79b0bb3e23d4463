"""One tick of a publication sensor: which months to look at, and what a look means.

Knows the source, what the lake holds and the cursor, and Dagster only by the runs that it asks for.
"""

import logging
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import chain
from time import monotonic

from dagster import DagsterRun, RunRequest

from taxi_assets.automation.cursor import Asked, Noted, PublicationCursor
from taxi_assets.automation.looking import is_landed, version_of
from taxi_assets.automation.priority import NEWEST, priority_tags
from taxi_assets.automation.trouble import Troubles
from taxi_assets.targets.target import Facts
from taxi_assets.tlc.services import Service, month_key, parse_month
from taxi_assets.tlc.source import BadFile, Source, SourceUnavailable, is_made_up
from taxi_assets.words import spans

MOST_NEW = 12
"""Looks a tick at months that are not held: a year's worth, and the longest way down to the newest one."""

MOST_OLD = 8
"""Looks a tick at months that are held: 8 in half an hour come round yellow's 210 months in 13 hours."""

ASK_AGAIN_AFTER = timedelta(days=1)
"""A source that failed between look and download may fail for hours, and a queue may be long."""

TICK_SECONDS = 20.0
"""No look begins later in a tick: with the 33 s that the last one may take it stays below Dagster's 60."""


@dataclass
class Watch:
    """A tick.

    Attributes:
        service: Whose months.
        source: Where they are published.
        held: Facts of the raw files in the lake, by month.
        months: Every partition, oldest first.
        watch_from: ``TAXI_WATCH_FROM``; None leaves it to the cursor.
        cursor: What is remembered; changed by the tick.
        now: The tick's time.
        runs: The runs with a run key.
        landed: Months that a person put there as Dagster's records say; asked where the lake can't tell.
        troubles: Where it is said that the source gives no good answer.
        log: The tick's log.
        ask_again_after: See ``ASK_AGAIN_AFTER``.
        requests: What the tick asks for.
    """

    service: Service
    source: Source
    held: Mapping[str, Facts]
    months: Sequence[str]
    watch_from: date | None
    cursor: PublicationCursor
    now: datetime
    runs: Callable[[str], Sequence[DagsterRun]]
    landed: Callable[[], Container[str]]
    troubles: Troubles
    log: logging.Logger
    ask_again_after: timedelta = ASK_AGAIN_AFTER
    requests: list[RunRequest] = field(default_factory=list)
    _awaited: list[str] = field(default_factory=list)
    _waiting: list[str] = field(default_factory=list)
    _left_to_heal: list[str] = field(default_factory=list)
    _made_up: list[str] = field(default_factory=list)
    _published: set[str] = field(default_factory=set)
    _looks: int = 0
    _none_found: str = ""

    def tick(self) -> str:
        """Look around; returns why nothing is asked for, in words."""
        self._forget()
        try:
            for month in self._due():
                self.cursor.failed = month
                self._consider(month)
        except (SourceUnavailable, BadFile) as error:  # Refused and a login page are a BadFile
            # The other months would find the same, and a source in trouble wants quiet.
            return self.troubles.found("source", str(error), for_good=isinstance(error, BadFile))
        self._well()
        return self._words()

    def _forget(self) -> None:
        """What came true needs no memory, nor does what a person has put there since."""
        noted, asked = self.cursor.noted, self.cursor.asked
        versions = {month: version_of(facts) for month, facts in self.held.items()}
        landed = {month for month, facts in self.held.items() if is_landed(facts)}
        self.cursor.noted = {
            month: one for month, one in noted.items() if month in landed and versions[month] == one.landed
        }
        self.cursor.asked = {
            month: one
            for month, one in asked.items()
            if versions.get(month) != one.version and (month not in landed or month in self.cursor.noted)
        }

    def _due(self) -> Iterator[str]:
        """The months to look at in this tick, as long as there is time."""
        started = monotonic()
        chosen = self._chosen()
        # The time comes first: a month that was chosen has had its turn.
        while monotonic() - started <= TICK_SECONDS and (month := next(chosen, "")):
            yield month

    def _chosen(self) -> Iterator[str]:
        first = self.watch_from or self.cursor.watch_from
        new = self._way_down() if first is None else self._missing(month_key(first))
        # A month whose file alone can't be looked at must not hide the others for good: where the tick before
        # ended, this one ends at last.
        failed = self.cursor.failed
        others = (month for month in chain(new, self._old()) if month != failed)
        return chain(others, [failed] if failed in self.months else [])

    def _way_down(self) -> Iterator[str]:
        """From the newest partition down to the newest published month: watching begins there."""
        for month in reversed(self.months[-MOST_NEW:]):
            yield month
            if month in self._published:  # it has been looked at meanwhile
                self.cursor.watch_from = parse_month(month)
                self.log.info(
                    f"{self.service.name} is watched from {month} on; older months are for a backfill"
                )
                return
        self._none_found = f"None of the newest {MOST_NEW} months is published: set TAXI_WATCH_FROM."

    def _missing(self, first: str) -> Iterator[str]:
        """Months without a raw file: the newest in every tick, the others in turn."""
        missing = [month for month in self.months if month >= first and month not in self.held]
        newest = [month for month in missing if month in self.months[-NEWEST:]]
        yield from reversed(newest)
        others = missing[: len(missing) - len(newest)]
        for month in _behind(others, self.cursor.new_after)[: MOST_NEW - len(newest)]:
            self.cursor.new_after = month  # before the look, which may end the tick
            yield month

    def _old(self) -> Iterator[str]:
        """Months with a raw file, in turn: the TLC publishes months anew without notice."""
        old = [month for month in self.months if month in self.held]
        # A person's file is looked at soon: what is published before that would count as there already.
        new = [month for month in old if is_landed(self.held[month]) and month not in self.cursor.noted]
        yield from new[:MOST_OLD]
        others = [month for month in _behind(old, self.cursor.old_after) if month not in new]
        for month in others[: max(0, MOST_OLD - len(new))]:
            self.cursor.old_after = month
            yield month

    def _consider(self, month: str) -> None:
        held = self.held.get(month)
        found = self.source.look(self.service, parse_month(month), None if is_landed(held) else held)
        self._looks += 1
        if found.state == "unpublished":
            self._awaited.append(month)
            self.cursor.asked.pop(month, None)  # taken away again: nothing to wait for
            if held is not None and is_landed(held):
                self._note(month, held, "")  # so its first publication is one after that
            return
        self._published.add(month)
        version = version_of(found.facts)
        if held is None and month in self.landed():
            self._left_to_heal.append(month)
        elif held is None:
            self._ask(month, version)
        elif is_landed(held):
            # Over a person's file the source's goes only if it was published after that.
            if self._note(month, held, version).version != version:
                self._ask(month, version)
        elif is_made_up(held) and not is_made_up(found.facts):
            self._made_up.append(month)  # the demo's, say: whoever looks at it shall not lose it
        elif found.state == "unchanged" or version == version_of(held):
            self.cursor.asked.pop(month, None)
        else:
            self._ask(month, version)

    def _note(self, month: str, held: Facts, version: str) -> Noted:
        """What the source had when a person's file was first found there."""
        return self.cursor.noted.setdefault(month, Noted(landed=version_of(held), version=version))

    def _ask(self, month: str, version: str) -> None:
        key = f"{self.service.name}/{month}/{version}"
        today = f"{key}/{self.now:%Y-%m-%d}"
        asked = self.cursor.asked.get(month)
        if asked and asked.version == version:
            if self.now - asked.at < self.ask_again_after or self._in_progress(asked.run_key):
                self._waiting.append(month)
                return
            key = today
        elif any(run.is_finished for run in self.runs(key)):
            # Published, replaced and published again, or lost by the lake: Dagster would drop the old key.
            key = today
        self.cursor.asked[month] = Asked(version=version, run_key=key, at=self.now)
        self.requests.append(
            RunRequest(run_key=key, partition_key=month, tags=priority_tags(month, self.months, self.held))
        )

    def _in_progress(self, run_key: str) -> bool:
        return any(not run.is_finished for run in self.runs(run_key))

    def _well(self) -> None:
        if not self._looks:
            return
        self.cursor.failed = ""
        self.troubles.ended("source")

    def _words(self) -> str:
        words = [self._none_found] if self._none_found else []
        if self._awaited:
            newest = max(self.held, default="")
            month = min([month for month in self._awaited if month > newest] or self._awaited)
            expected = self.service.expected_by(parse_month(month))
            late = " It is late." if expected < self.now.date() else ""
            words.append(f"{self.service.name} {month} is awaited, usually published by {expected}.{late}")
        if self._waiting:
            words.append(f"Asked for already: {', '.join(sorted(self._waiting))}.")
        if self._left_to_heal:
            months = f"{self.service.name} {spans(self._left_to_heal)}"
            words.append(f"A person put {months} there and the lake lost it: left to heal.")
        if self._made_up:
            months = f"{self.service.name} {spans(self._made_up)}"
            words.append(f"{months}: made up, and left so until you materialize the published ones.")
        return " ".join(words) or f"Nothing new of {self.service.name}."


def _behind(months: Sequence[str], last: str) -> list[str]:
    """``months`` in turn, beginning behind ``last``."""
    return [month for month in months if month > last] + [month for month in months if month <= last]
