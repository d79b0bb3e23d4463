"""Copies a Parquet file's pages as they are, under a footer of its own.

A partition that lies as Parquet already, in the form in which it would be written, need be neither decoded
nor encoded: pages don't know what table they are in. Their places are told in the footer, counted from the
file's begin, so a new footer behind the same bytes is a new file, with other facts. On a file system that can
share blocks between files not even the bytes are copied.

The new facts could also stand beside the object alone, and a remote one be copied by the service, without a
download. But then a file that somebody copies away would keep the old facts, those of another asset.
"""

import os
from math import ceil
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from taxi_assets.targets.offered import OfferedFile
from taxi_assets.targets.parquet_write import Style

_WORTH_A_GROUP = 16 * 2**20
"""Bytes of encoded pages that make a row group large, however few its rows: our writer ends one at 128 MiB
of rows in memory, which are a fraction of that once dictionaries are made."""

_ONE_WRITER = "parquet-cpp-arrow"
"""Who wrote the pages, as a footer says, and as the new one will say; readers judge statistics by it."""

_MAGIC = b"PAR1"
_PIECE = 16 * 2**20


def copyable(file: OfferedFile, schema: pa.Schema, style: Style) -> bool:
    """Whether the file's pages are what a writer of this style would write of its rows.

    The level of the codec is not among it: no page tells. Nor are exact bounds of row groups, which depend
    on how rows came in: none may be larger, and they may not be more than twice as many as needed.
    """
    metadata = file.metadata
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    codecs = {group.column(position).compression for group in groups for position in range(group.num_columns)}
    rows = max((group.num_rows for group in groups), default=0)
    encoded = sum(group.total_byte_size for group in groups)
    needed = ceil(max(metadata.num_rows / style.row_group_rows, encoded / _WORTH_A_GROUP, 1))
    return (
        str(metadata.created_by).startswith(_ONE_WRITER)
        and metadata.schema.equals(_empty(schema, {}).schema)
        and codecs <= {_codec(style)}
        and rows <= style.row_group_rows
        and len(groups) <= 2 * needed
    )


def write_copy(file: OfferedFile, path: Path, schema: pa.Schema, metadata: dict[str, str]) -> None:
    """Write the pages of ``file`` and a footer with ``metadata``; no file is left if that fails."""
    footer = _empty(schema, metadata)
    footer.append_row_groups(file.metadata)
    written = pa.BufferOutputStream()
    footer.write_metadata_file(written)
    try:
        with file.path.open("rb") as source, path.open("wb") as goal:
            _copy_bytes(source, goal, file.pages)
            # A file of metadata alone is PAR1, footer, its length, PAR1: the first comes with the pages.
            goal.write(written.getvalue().to_pybytes()[len(_MAGIC) :])
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _empty(schema: pa.Schema, metadata: dict[str, str]) -> pq.FileMetaData:
    """Footer of a file without rows."""
    written = pa.BufferOutputStream()
    with pq.ParquetWriter(written, schema) as writer:
        writer.add_key_value_metadata(metadata)
    return pq.read_metadata(pa.BufferReader(written.getvalue()))


def _codec(style: Style) -> str:
    """As footers name it."""
    return {"NONE": "UNCOMPRESSED"}.get(style.compression.upper(), style.compression.upper())


def _copy_bytes(source: BinaryIO, goal: BinaryIO, count: int) -> None:
    """The first ``count`` bytes, by the kernel where it can: nothing passes through this process then."""
    copied = _by_the_kernel(source, goal, count)
    source.seek(copied)
    goal.seek(copied)
    while copied < count:
        piece = source.read(min(_PIECE, count - copied))
        if not piece:
            raise EOFError(f"{source.name} ends after {copied} bytes of {count}")
        goal.write(piece)
        copied += len(piece)


def _by_the_kernel(source: BinaryIO, goal: BinaryIO, count: int) -> int:
    """How many bytes it took; a full disk shows in the write that goes on from there."""
    if not hasattr(os, "copy_file_range"):  # macOS
        return 0
    copied = 0
    try:
        while copied < count:
            step = os.copy_file_range(source.fileno(), goal.fileno(), count - copied, copied, copied)
            if not step:
                break
            copied += step
    except OSError:  # between two file systems, or on one that has no such call
        return copied
    return copied
