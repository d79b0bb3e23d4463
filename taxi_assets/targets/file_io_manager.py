"""The IO manager of files that are kept byte for byte, one a partition.

An asset returns a mapping from partition key to ``LazyFile``: how to fetch the file, given what is known of
the one already kept. Fetching it anew only if it changed is then the fetcher's business, and keeping it
atomically the ``FileStore``'s. An asset without partitions returns one ``LazyFile``.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from dagster import ConfigurableIOManager, DagsterEvent, Failure, InputContext, OutputContext

from taxi_assets.targets.files import FileStore, FoundFile
from taxi_assets.targets.journal import OWN_FACTS, Journal, Recorder, recording
from taxi_assets.targets.metadata import SIZE, counted, facts_shown, record
from taxi_assets.targets.partitions import partition_date
from taxi_assets.targets.target import Facts
from taxi_assets.targets.wanted import require_standing, while_run_stands

_REMEMBERED = ("rows", "etag", "last_modified", "sha256", "bytes")
"""What the materialization that replaces a file says of the one before, as ``rows_before``."""


class Fetched(Protocol):
    """A file that was fetched: where it lies, and what is known about it."""

    @property
    def path(self) -> Path:
        """The file, in the directory that the fetcher was given."""

    @property
    def facts(self) -> Mapping[str, str]:
        """Kept beside it: source, version, ``sha256``."""


def _nothing(_: Facts) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class LazyFile:
    """A file that is fetched when its turn comes.

    Attributes:
        fetch: Gets a directory to write to and the facts of the file already kept; returns None if
            that one is still current.
        metadata: What else to show of the kept file, given its facts.
        publisher: Whose file it is, if a fetch can go on where one broke off: it then finds in its directory
            what the last fetch from the same publisher left there when it failed or its process died.
    """

    fetch: Callable[[Path, Facts | None], Fetched | None]
    metadata: Callable[[Facts], Mapping[str, Any]] = _nothing
    publisher: str | None = None


@dataclass(frozen=True)
class StoredFile:
    """A file as it is kept.

    Attributes:
        facts: As put: source, version, ``sha256``.
        open: Gives its path for reading, once its content was found to be what was put with these facts.
        scratch: A directory for temporary files that is emptied when the process is dead.
    """

    facts: Facts
    open: Callable[[], AbstractContextManager[Path]]
    scratch: Callable[[], Path]


class FileIOManager(ConfigurableIOManager):
    """Keeps files in a ``FileStore``.

    Attributes:
        files: The store.
        pass_over_current: Tell the fetcher what is kept already. Set to false to fetch regardless.
        journal: Where every replace is entered, with the fact ``rows`` if there is one; None keeps none.
    """

    files: FileStore
    pass_over_current: bool = True
    journal: Journal | None = None

    def handle_output(  # type: ignore[override]
        self, context: OutputContext, obj: Mapping[str, LazyFile] | LazyFile
    ) -> Iterator[DagsterEvent]:
        """Fetch and keep every partition's file, or the one of an asset without partitions."""
        name = "/".join(context.asset_key.path)
        with recording(self.journal, context) as recorder:
            if isinstance(obj, LazyFile):
                metadata = self._keep(context, recorder, name, None, obj)
                yield from record(context, context.asset_key, None, metadata, at_once=False)
                return
            keys = context.asset_partition_keys
            for key in keys:
                metadata = self._keep(context, recorder, name, partition_date(context, key), obj[key])
                yield from record(context, context.asset_key, key, metadata, at_once=len(keys) > 1)

    def load_input(self, context: InputContext) -> Mapping[str, StoredFile]:
        """The kept files of the run's partitions.

        Raises:
            Failure: A partition has none.
        """
        name = "/".join(context.asset_key.path)
        return {
            key: self._stored(name, key, partition_date(context, key)) for key in context.asset_partition_keys
        }

    def _keep(
        self, context: OutputContext, recorder: Recorder, name: str, when: date | None, file: LazyFile
    ) -> Mapping[str, Any]:
        require_standing(context)
        path, started = context.asset_key.path, monotonic()
        known = self.files.facts(name, when)
        replaced_rows = _rows(known or {})
        if known is not None:
            recorder.complete(path, when, replaced_rows, known)
        own = recorder.begin(replaced_rows)
        with self._directory(name, when, file) as directory:
            fetched = file.fetch(Path(directory), known if self.pass_over_current else None)
            if fetched:
                self._put(context, name, when, fetched, own)
        facts = self.files.facts(name, when) or {}
        if fetched:
            recorder.record(path, when, _rows(facts), replaced_rows, {**fetched.facts, **own})
        context.log.info(f"{facts.get('file')}: {'fetched' if fetched else 'unchanged, nothing was fetched'}")
        before = {f"{name}_before": known[name] for name in _REMEMBERED if name in known} if known else {}
        return {
            **told_of_file(self.files, name, when, facts),
            **file.metadata(facts),
            **(before if fetched else {}),
            "status": "unchanged" if not fetched else "replaced" if known else "stored",
            "seconds": round(monotonic() - started, 3),
        }

    def _directory(
        self, name: str, when: date | None, file: LazyFile
    ) -> AbstractContextManager[str] | AbstractContextManager[Path]:
        if file.publisher is None:
            return tempfile.TemporaryDirectory(dir=self.files.scratch())
        return self.files.unfinished(name, when, file.publisher)

    def _put(
        self, context: OutputContext, name: str, when: date | None, fetched: Fetched, own: Facts
    ) -> None:
        try:
            with while_run_stands(context):
                self.files.put(name, when, fetched.path, {**fetched.facts, **own})
        finally:
            fetched.path.unlink(missing_ok=True)  # whole, but not kept: a next fetch can't go on with it

    def _stored(self, name: str, key: str, when: date) -> StoredFile:
        found = self.files.find(name, when)
        if found is None:
            raise Failure(
                f"{name} has no file for {key} in {self.files.uri(name)}: materialize it first.",
                allow_retries=False,
            )
        return StoredFile(found.facts, lambda: verified(found, name, key), self.files.scratch)


def told_of_file(files: FileStore, name: str, when: date | None, facts: Facts) -> Mapping[str, Any]:
    """What the UI shows of a kept file, whoever tells it: where it is, its size and rows, its facts."""
    rows = _rows(facts)
    shown = {fact: text for fact, text in facts_shown(facts).items() if fact not in (*OWN_FACTS, "rows")}
    return {
        **({} if rows is None else counted(rows, when)),
        "dagster/uri": files.uri(name, when),
        SIZE: int(facts.get("bytes", 0)),
        **shown,
    }


def _rows(facts: Facts) -> int | None:
    """Rows of a file, if whoever fetched it said how many there are."""
    return int(facts["rows"]) if "rows" in facts else None


@contextmanager
def intact(files: FileStore, name: str, key: str, when: date) -> Iterator[Path]:
    """The file as it stands now, after a look at every byte, see ``StoredFile.open``.

    Args:
        files: The store.
        name: What the file belongs to.
        key: Partition key, for the message.
        when: First day of the partition.

    Raises:
        FileNotFoundError: There is none.
        Failure: It is not the file that was put.
    """
    found = files.find(name, when)
    if found is None:
        raise FileNotFoundError(f"{files.uri(name, when)} holds no file: materialize {name} {key} first.")
    with verified(found, name, key) as path:
        yield path


@contextmanager
def verified(found: FoundFile, name: str, key: str) -> Iterator[Path]:
    """The version that was looked up, and no other: what is made of it is recorded with its facts for good.

    A flipped bit in the lake must not become a trip, so every byte is looked at.

    Raises:
        Failure: It is not the file that was put; or another one stands there by now, and a retry helps.
    """
    with ExitStack() as opened:
        try:
            path = opened.enter_context(found.open())
        except FileNotFoundError as error:
            raise Failure(
                f"{found.uri}: {name} {key} was fetched anew, or removed, after this run had looked it up. "
                f"Nothing was made of it; a retry takes the file that stands there then."
            ) from error
        wanted = found.facts.get("sha256", "unknown")
        with path.open("rb") as content:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        if sha256 != wanted:
            raise Failure(
                f"{found.uri} is not the file that was fetched (sha256 {sha256[:12]}…, was "
                f"{wanted[:12]}…): materialize {name} {key} with pass_over_current: false on its IO manager.",
                allow_retries=False,
            )
        yield path
