"""Objects that one store offers to another: fetched as files, looked at before anything is changed.

A store that takes a partition's objects decodes no row in Python, and a store that copies them decodes none
at all. So what a stream would stumble over is looked for here: a file that is cut off, one whose footer names
pages that aren't in it, other rows than were promised.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from taxi_assets.targets.target import Objects, TargetError

_TAIL_BYTES = 8  # of a Parquet file: the footer's length, and PAR1
_PIECE = 64 * 1024  # bytes read at once of a column, of which a preview needs the first rows


@dataclass(frozen=True)
class OfferedFile:
    """One object as a local file.

    Attributes:
        path: Where it lies, not to be written to.
        metadata: Its footer.
        pages: Bytes before the footer: all pages, indexes and filters.
    """

    path: Path
    metadata: pq.FileMetaData
    pages: int


@contextmanager
def fetched(objects: Objects) -> Iterator[list[OfferedFile]]:
    """The objects as local files for the length of the block.

    Raises:
        TargetError: One is damaged, or they hold another number of rows than was promised.
        FileNotFoundError: One was replaced; a retry helps.
    """
    if objects.files is None:
        raise ValueError(f"{objects.root} can't come to this machine")
    with objects.files() as paths:
        files = [_looked_at(path, uri) for path, uri in zip(paths, objects.uris, strict=True)]
        rows = sum(file.metadata.num_rows for file in files)
        if rows != objects.rows:
            raise TargetError(f"{objects.root}: {objects.rows} rows were promised, the files hold {rows}")
        yield files


def damaged(uri: str, why: object) -> TargetError:
    """What is said of an object that can't be read: a retry would meet the same bytes."""
    return TargetError(
        f"{uri} is damaged: {why}. Nothing was changed. Materialize the asset that it belongs to again."
    )


def head_of(objects: Objects, rows: int) -> pa.Table | None:
    """Up to so many of the first rows, by reading little more than those; None if there are none.

    None too if the objects were replaced meanwhile: nothing depends on a look at them.
    """
    if not rows or not objects.rows or objects.first is None:
        return None
    try:
        with objects.first() as file:
            # A remote file's columns lie side by side: fetched at once they are a request or two.
            remote = not objects.root.startswith("file://")
            parquet = pq.ParquetFile(file, pre_buffer=remote, buffer_size=0 if remote else _PIECE)
            batch = next(parquet.iter_batches(rows, [0], objects.schema.names, use_threads=False), None)
    except FileNotFoundError:
        return None
    return pa.Table.from_batches([batch]) if batch and batch.num_rows else None


def _looked_at(path: Path, uri: str) -> OfferedFile:
    size = path.stat().st_size
    try:
        metadata = pq.read_metadata(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise damaged(uri, error) from error
    pages = size - _TAIL_BYTES - metadata.serialized_size
    if _last_byte(metadata) > pages:
        raise damaged(uri, "its footer names pages that are not in it")
    return OfferedFile(path, metadata, pages)


def _last_byte(metadata: pq.FileMetaData) -> int:
    """Where the last column chunk ends."""
    last = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for position in range(group.num_columns):
            column = group.column(position)
            # Offset 0 holds PAR1, so it says that there is no dictionary.
            start = column.dictionary_page_offset or column.data_page_offset
            last = max(last, start + column.total_compressed_size)
    return last
