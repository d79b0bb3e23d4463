"""The first rows of a stream, kept while it goes by, and shown as Markdown.

A table has more columns than a preview has rows, so the columns go down and the rows across.
"""

from typing import Any

import pyarrow as pa
from dagster import MetadataValue

from taxi_assets.targets import markdown

PREVIEW_ROWS = 5

_LONGEST = 40  # characters of a value


class Head:
    """Copies of a stream's first rows: a slice would keep whole batches alive until the stream's end."""

    def __init__(self, rows: int) -> None:
        """Keep up to so many rows."""
        self._missing = rows
        self._batches: list[pa.RecordBatch] = []

    def see(self, batch: pa.RecordBatch) -> None:
        """Look at the next batch."""
        count = min(self._missing, batch.num_rows)
        if count:
            self._missing -= count
            self._batches.append(_copied(batch.slice(0, count)))

    @property
    def rows(self) -> pa.Table | None:
        """What was kept; None if there were no rows."""
        return pa.Table.from_batches(self._batches) if self._batches else None


def _copied(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same rows in memory of their own; ``take`` does not know every type, string views for one."""
    written = pa.BufferOutputStream()
    with pa.ipc.new_stream(written, batch.schema) as stream:
        stream.write_batch(batch)
    with pa.ipc.open_stream(written.getvalue()) as read:
        return read.read_next_batch()


def preview(rows: pa.Table) -> MetadataValue:
    """Rows as Markdown, a line a column."""
    head = ["column", *(f"row {number}" for number in range(1, rows.num_rows + 1))]
    lines = [
        [name, *(_text(_plain(value)) for value in column)]
        for name, column in zip(rows.column_names, rows.columns, strict=True)
    ]
    return MetadataValue.md(markdown.table(head, lines))


def _plain(value: pa.Scalar) -> Any:
    try:
        return value.as_py()
    except (ValueError, OverflowError):  # a time that Python has no word for: nanoseconds, the year 20000
        return value.cast(pa.string()).as_py()


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
