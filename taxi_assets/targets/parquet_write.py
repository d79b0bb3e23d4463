"""Writers of Parquet files whose memory is bounded, whole or cut by day.

pyarrow turns every written table into a row group, so batches are gathered until they are worth one:
``row_group_rows`` rows or 128 MiB, whichever comes first. Cut by day, all days together share the
128 MiB: the fullest day is written when they are used up, and a file is closed for the one longest unused
when more than 64 are open (a month has 31 days, and a few stray dates).

A row group is encoded on a thread of its own while the next one is gathered: encoding takes as long as
all that comes before it, and pyarrow encodes a file on one thread only.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from taxi_assets.targets.arrow_schema import fitted
from taxi_assets.targets.target import Facts

BUFFER_BYTES = 128 * 2**20
OPEN_FILES = 64
NO_DAY = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class Style:
    """How files are written."""

    compression: str
    compression_level: int | None
    row_group_rows: int


class Encoding:
    """A thread that encodes one row group at a time; whoever brings the next one waits for it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "parquet")
        self._current: Future[None] | None = None

    def start(self, encode: Callable[[], None]) -> None:
        """Begin with a row group, once the one before is done; raises what that one failed with."""
        self.wait()
        self._current = self._thread.submit(encode)

    def wait(self) -> None:
        """Wait for the row group at hand; raises what it failed with."""
        current, self._current = self._current, None
        if current is not None:
            current.result()

    def close(self) -> None:
        """Let the thread end, after the row group at hand; what that fails with is nobody's any more."""
        self._thread.shutdown()


@dataclass
class GatheringWriter:
    """One Parquet file."""

    path: Path
    schema: pa.Schema
    style: Style
    encoding: Encoding
    rows: int = 0
    waiting_bytes: int = 0
    _waiting: list[pa.RecordBatch] = field(default_factory=list)
    _waiting_rows: int = 0

    def __post_init__(self) -> None:
        fields = list(self.schema)
        self._writer = pq.ParquetWriter(
            self.path,
            self.schema,
            compression=self.style.compression,
            compression_level=self.style.compression_level,
            # A dictionary of times overflows after a few thousand rows: building it costs more than it saves.
            use_dictionary=[field.name for field in fields if not pa.types.is_timestamp(field.type)],
            # Least and largest text of a row group help no reader here, and take a tenth of the time.
            write_statistics=[field.name for field in fields if not pa.types.is_string(field.type)],
        )

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows of the file's schema."""
        self._waiting.append(batch)
        self._waiting_rows += batch.num_rows
        self.waiting_bytes += batch.nbytes
        self.rows += batch.num_rows
        if self._waiting_rows >= self.style.row_group_rows or self.waiting_bytes >= BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what has been gathered."""
        if self._waiting:
            self.encoding.start(partial(self._encode, pa.Table.from_batches(self._waiting, self.schema)))
        self._waiting, self._waiting_rows, self.waiting_bytes = [], 0, 0

    def _encode(self, rows: pa.Table) -> None:
        self._writer.write_table(rows, self.style.row_group_rows)
        # What one thread allocates and another frees is kept for long, unless it is asked for: 20 to 60 MB.
        pa.default_memory_pool().release_unused()

    def finish(self, metadata: dict[str, str]) -> None:
        """Write the rest and the footer, with ``metadata`` in it."""
        self.flush()
        self.encoding.wait()
        self._writer.add_key_value_metadata(metadata)
        self._writer.close()

    def abandon(self) -> None:
        """Let go of the file, and remove it."""
        self._waiting = []
        self.encoding.close()
        self._writer.close()
        self.path.unlink(missing_ok=True)


@contextmanager
def writing(path: Path, schema: pa.Schema, style: Style) -> Iterator[GatheringWriter]:
    """A writer that leaves no file if the block fails."""
    with closing(Encoding()) as encoding, ExitStack() as undo:
        undo.callback(path.unlink, missing_ok=True)  # a full disk leaves an empty file and no writer
        writer = GatheringWriter(path, schema, style, encoding)
        undo.callback(writer.abandon)
        yield writer
        undo.pop_all()


@dataclass
class DailyWriter:
    """One file a day of ``column``'s dates; the days that are null have one too."""

    directory: Path
    schema: pa.Schema
    style: Style
    column: str
    facts: Facts
    encoding: Encoding
    rows: int = 0
    done: list[tuple[str, Path]] = field(default_factory=list)
    _open: dict[str, GatheringWriter] = field(default_factory=dict)

    def write(self, batch: pa.RecordBatch) -> None:
        """Send the batch's rows to their days."""
        for day, rows in _by_day(batch, self.column):
            writer = self._writer(day)
            writer.write(rows)
            self.rows += rows.num_rows
        while sum(writer.waiting_bytes for writer in self._open.values()) > BUFFER_BYTES:
            max(self._open.values(), key=lambda writer: writer.waiting_bytes).flush()

    def finish(self) -> list[tuple[str, Path]]:
        """Close every file: (day, file) in the order of the days, at least one."""
        if not self.done and not self._open:
            self._writer(NO_DAY)
        for day in list(self._open):
            self._close(day)
        return sorted(self.done)

    def abandon(self) -> None:
        """Remove every file."""
        for writer in self._open.values():
            writer.abandon()
        for _, path in self.done:
            path.unlink(missing_ok=True)

    def _writer(self, day: str) -> GatheringWriter:
        writer = self._open.pop(day, None)
        if writer is None:
            if len(self._open) >= OPEN_FILES:
                self._close(next(iter(self._open)))
            path = self.directory / f"{len(self.done) + len(self._open)}.parquet"
            writer = GatheringWriter(path, self.schema, self.style, self.encoding)
        self._open[day] = writer  # last in the dict: most recently used
        return writer

    def _close(self, day: str) -> None:
        writer = self._open.pop(day)
        writer.finish({"rows": str(writer.rows), "facts": json.dumps(dict(self.facts))})
        self.done.append((day, writer.path))


@contextmanager
def writing_daily(
    directory: Path, schema: pa.Schema, style: Style, column: str, facts: Facts
) -> Iterator[DailyWriter]:
    """A writer that leaves no file if the block fails."""
    with closing(Encoding()) as encoding, ExitStack() as undo:
        writer = DailyWriter(directory, schema, style, column, facts, encoding)
        undo.callback(writer.abandon)
        yield writer
        undo.pop_all()


def copy_stream(stream: pa.RecordBatchReader, schema: pa.Schema, to: GatheringWriter | DailyWriter) -> None:
    """Write every batch of the stream, in the file's schema."""
    for batch in stream:
        if batch.num_rows:
            to.write(fitted(batch, schema))


def _by_day(batch: pa.RecordBatch, column: str) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The batch's rows in runs of one day; the order within a day stays."""
    days = batch.column(column).cast(pa.date32(), safe=False)
    order = pc.sort_indices(days)
    runs = pc.run_end_encode(days.take(order))
    start = 0
    for end, day in zip(runs.run_ends.to_pylist(), runs.values.to_pylist(), strict=True):
        # A copy of these rows alone: a slice would keep the other days' rows alive with its own.
        yield day_name(day), batch.take(order.slice(start, end - start))
        start = end


def day_name(day: date | None) -> str:
    """A day in a folder's name."""
    return day.isoformat() if day else NO_DAY
