"""The first rows of a stream, kept while it goes by, and shown as Markdown.

Dagster's UI draws a ``MetadataValue.table`` where it stands, as wide as it is: twenty columns spill over
the page. Markdown opens in a window of its own. A table has more columns than a preview has rows, so the
columns go down and the rows across.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from dagster import MetadataValue

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
    return MetadataValue.md("\n".join(_lines(rows)))


def _lines(rows: pa.Table) -> Iterator[str]:
    numbers = range(1, rows.num_rows + 1)
    yield _line(["column", *(f"row {number}" for number in numbers)])
    yield _line(["---", *("---" for _ in numbers)])
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        yield _line([name, *(_text(_plain(value)) for value in column)])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(value: pa.Scalar) -> Any:
    try:
        return value.as_py()
    except (ValueError, OverflowError):  # a time that Python has no word for: nanoseconds, the year 20000
        return value.cast(pa.string()).as_py()


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    plain = " ".join(text.replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`").split())
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"
