"""A journal: one entry for every replace of a partition, whatever store it is in.

Each replace has a number of its own, ``load_id``, which the store keeps among the partition's facts with the
run, the start and the rows that stood there before. A store and a journal elsewhere have no common
transaction, so a process can die between the two; but whoever meets the partition next, to pass over it or to
replace it, finds the number there and writes the entry that is missing. An entry of a known number is never
written again. Where journal and store are one database, the entry is part of the replace.
"""

import getpass
import os
import socket
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Protocol, TypeAlias, runtime_checkable

import pyarrow as pa
from dagster import ConfigurableResource, DagsterInstance, OutputContext

from taxi_assets.targets.failures import refusals
from taxi_assets.targets.target import Facts, Report

OWN_FACTS = frozenset({"run_id", "load_id", "started_at", "replaced_rows"})
"""Facts about one replace and not about the rows: they don't travel on to other stores."""

UNKNOWN = "unknown: the run is no longer in Dagster's history"

_LAUNCHERS = (
    ("dagster/backfill", "backfill"),
    ("dagster/schedule_name", "schedule"),
    ("dagster/from_automation_condition", "automation"),
    ("dagster/auto_materialize", "automation"),
    ("dagster/sensor_name", "sensor"),
    ("user", "user"),
)
"""Tag of a run, and what its launcher is called. The value is its name, or only ``true``."""

Also: TypeAlias = Callable[[Any, int, int | None], None]
"""Told a store's open transaction, the new rows by count, and the rows that they replace."""


@dataclass(frozen=True)
class Entry:
    """One replace of one partition.

    Attributes:
        asset_key: Of the asset that the partition belongs to.
        partition: Its first day, or None for an asset without partitions.
        rows: Rows that stand there now, None where the store doesn't count any.
        replaced_rows: Rows that stood there before, None if there was no such partition.
        facts: As stored with the rows.
        launched_by: What or who launched the run.
        finished: When it was done; None if that was not witnessed, and the entry was written later.
    """

    asset_key: tuple[str, ...]
    partition: date | None
    rows: int | None
    replaced_rows: int | None
    facts: Facts
    launched_by: str
    finished: datetime | None


class JournalAway(Exception):  # noqa: N818 - a state that passes
    """The journal can't be reached, or does not let us write. What is replaced meanwhile is entered later."""


class Pages(Protocol):
    """An open journal."""

    def knows(self, load_id: str) -> bool:
        """Whether an entry of this number is there."""

    def unknown(self, load_ids: Collection[str]) -> set[str]:
        """Those of many numbers of which no entry is there."""

    def write(self, entry: Entry, within: Any = None) -> None:
        """Write an entry, unless one of its ``load_id`` is there.

        Args:
            entry: What happened.
            within: The open transaction of the store in which it happens, see ``Journal.lives_in``.
        """


class Journal(ConfigurableResource, ABC):  # type: ignore[type-arg]
    """Where entries are kept for ever."""

    @abstractmethod
    def covers(self, asset_key: Sequence[str]) -> bool:
        """Whether replaces of this asset are entered."""

    @abstractmethod
    def opened(self) -> AbstractContextManager[Pages]:
        """The journal, ready to be written.

        Raises:
            JournalAway: It can't be written now; so do the pages.
        """

    def lives_in(self, store: object) -> bool:  # noqa: ARG002
        """Whether an entry can be written in a transaction of this store."""
        return False


@runtime_checkable
class Transactional(Protocol):
    """A store that can do something else in the transaction that makes new rows visible."""

    def replace_also(
        self,
        table: str,
        partition: date | None,
        stream: pa.RecordBatchReader,
        facts: Facts | None,
        also: Also | None,
    ) -> Report:
        """As ``Target.replace``; ``also`` is called once more for each attempt that is rolled back."""


@dataclass(frozen=True)
class Recorder:
    """What one output of a run enters; does nothing where no journal is kept."""

    context: OutputContext
    journal: Journal | None = None
    pages: Pages | None = None

    def begin(self, replaced_rows: int | None) -> Facts:
        """Own facts of a replace that is about to start."""
        facts = {"run_id": self.context.run_id, "load_id": str(uuid.uuid4())}
        facts["started_at"] = datetime.now(UTC).isoformat()
        return facts if replaced_rows is None else {**facts, "replaced_rows": str(replaced_rows)}

    def record(
        self,
        path: Sequence[str],
        when: date | None,
        rows: int | None,
        replaced_rows: int | None,
        facts: Facts,
        within: Any = None,
    ) -> None:
        """Enter a replace that has just happened, or happens in the transaction ``within``."""
        launched_by = launcher(self.context.step_context.dagster_run.tags) or _who_runs_this()
        now = datetime.now(UTC)
        self._write(Entry(tuple(path), when, rows, replaced_rows, dict(facts), launched_by, now), within)

    def complete(self, path: Sequence[str], when: date | None, rows: int | None, facts: Facts) -> None:
        """See to it that what stands there is entered, by the facts that were stored with it."""
        if self.pages is None:
            return
        try:
            complete(self.pages, self.context.step_context.instance, path, when, rows, facts)
        except JournalAway as reason:
            self.go_on_without(reason)

    def joins(self, store: object) -> bool:
        """Whether entries are written in the store's own transactions."""
        return self.journal is not None and self.journal.lives_in(store)

    def _write(self, entry: Entry, within: Any = None) -> None:
        if self.pages is None:
            return
        with refusals():
            if within is not None:
                self.pages.write(entry, within)
                return
            try:
                self.pages.write(entry)
            except JournalAway as reason:
                self.go_on_without(reason)

    def go_on_without(self, reason: JournalAway) -> None:
        """One store's outage must not cost another its month; the number among the facts is not lost."""
        self.context.log.warning(f"{reason} What is stored now is entered when the month is met again.")


@contextmanager
def recording(journal: Journal | None, context: OutputContext, store: object = None) -> Iterator[Recorder]:
    """Open the journal for one output, if it covers the asset.

    Where it can't be opened, ``store`` is written without it, unless they are one database.
    """
    recorder = Recorder(context)
    if journal is None or not journal.covers(context.asset_key.path):
        yield recorder
        return
    with ExitStack() as stack:
        try:
            recorder = Recorder(context, journal, stack.enter_context(journal.opened()))
        except JournalAway as reason:
            if journal.lives_in(store):
                with refusals():
                    raise reason.__cause__ or reason from None
            recorder.go_on_without(reason)
        yield recorder


def complete(
    pages: Pages,
    instance: DagsterInstance,
    path: Sequence[str],
    when: date | None,
    rows: int | None,
    facts: Facts,
) -> bool:
    """Write the entry of what stands in a store, by the facts stored with it, if there is none.

    Returns:
        Whether there was none.

    Raises:
        JournalAway: The journal can't be written now.
    """
    if "load_id" not in facts or pages.knows(facts["load_id"]):
        return False
    run = instance.get_run_by_id(facts.get("run_id", ""))
    launched_by = UNKNOWN if run is None else launcher(run.tags) or "a person"
    replaced = facts.get("replaced_rows")
    replaced_rows = None if replaced is None else int(replaced)
    pages.write(Entry(tuple(path), when, rows, replaced_rows, dict(facts), launched_by, None))
    return True


def launcher(tags: Mapping[str, str]) -> str:
    """What launched a run, by its tags: ``backfill abcdefgh``; nothing if a person did."""
    found = {kind: tags[tag] for tag, kind in _LAUNCHERS if tag in tags}
    return ", ".join(kind if name == "true" else f"{kind} {name}" for kind, name in found.items())


def _who_runs_this() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
