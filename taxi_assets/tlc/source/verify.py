"""Is a file what its name says? Parquet with a readable footer, a whole gzip, text with a CSV header.

The TLC publishes no checksums, so the form of the file is all that can be checked beside its length.
What went wrong elsewhere decides what is looked for: a 403 page saved as ``.parquet``, a download
without its last megabytes, a CSV under a Parquet name.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from taxi_assets.tlc.source.source import ZONES_NAME, BadFile, TruncatedFile

ZONES_HEADER = ["LocationID", "Borough", "Zone", "service_zone"]
ZONES_COUNT = 265
_MAGIC = b"PAR1"
_SMALLEST_PARQUET = 12  # both magics and the footer's length
_LONGEST_HEADER = 1 << 16  # bytes; the longest header line of a TLC file has 430
_BLOCK = 1 << 20


def verify(path: Path, name: str, shown: str) -> None:
    """Check that the file at ``path`` is what the published ``name`` says.

    Args:
        path: The file, under whatever name.
        name: Its published name: the suffix decides what is checked.
        shown: Where it comes from, for the message; without credentials.

    Raises:
        TruncatedFile: It begins well and ends too early.
        BadFile: It is something else.
    """
    if path.stat().st_size == 0:
        raise BadFile(f"{shown}: expected {_kind(name)}, found an empty file. {_ADVICE}")
    with path.open("rb") as file:
        refuse_page(file.read(512), name, shown)
    for suffix, check in _CHECKS.items():
        if name.endswith(suffix):
            check(path, shown)
            return
    raise BadFile(f"{shown}: expected a name that ends in one of {', '.join(_CHECKS)}.")


def refuse_page(start: bytes, name: str, shown: str) -> None:
    """Raise ``BadFile`` if the file's first bytes are those of an HTML or XML page."""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<"):
        raise BadFile(
            f"{shown}: expected {_kind(name)}, found an HTML or XML page ({_excerpt(text)}). A proxy, a "
            "login page or a wrong address answers like this; check TAXI_SOURCE_URL."
        )


def _kind(name: str) -> str:
    return "a Parquet file" if name.endswith(".parquet") else "a CSV file"


def _check_parquet(path: Path, shown: str) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(40)
        file.seek(max(0, size - len(_MAGIC)))
        end = file.read()
    if not start.startswith(_MAGIC):
        raise BadFile(
            f"{shown}: expected a Parquet file, found one that begins with {_excerpt(start)}. {_ADVICE}"
        )
    if size < _SMALLEST_PARQUET or end != _MAGIC:
        raise TruncatedFile(
            f"{shown}: expected a Parquet file, found {size:,} bytes that end without a footer: the file is "
            f"cut off. {_ADVICE}"
        )
    try:
        pq.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        raise BadFile(
            f"{shown}: expected a Parquet file, found a footer that can't be read ({error}). {_ADVICE}"
        ) from error


def _check_gzip(path: Path, shown: str) -> None:
    try:
        with gzip.open(path, "rb") as file:
            _check_header(file, shown)
            while file.read(_BLOCK):  # to the end: the CRC is behind the last byte
                continue
    except EOFError:
        raise TruncatedFile(
            f"{shown}: expected a gzipped CSV file, found one that is cut off. {_ADVICE}"
        ) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BadFile(
            f"{shown}: expected a gzipped CSV file, found one that does not unpack ({error}). {_ADVICE}"
        ) from error


def _check_csv(path: Path, shown: str) -> None:
    with path.open("rb") as file:
        _check_header(file, shown)


def _check_header(file: IO[bytes] | gzip.GzipFile, shown: str) -> None:
    line = file.readline(_LONGEST_HEADER)
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = ""
    if "," not in text or not text.rstrip("\r\n").isprintable():
        raise BadFile(
            f"{shown}: expected a header line of column names with commas, found {_excerpt(line)}. {_ADVICE}"
        )


def _check_zones(path: Path, shown: str) -> None:
    _check_csv(path, shown)
    try:
        rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadFile(f"{shown}: expected the zone lookup, found no readable CSV ({error}).") from error
    header, count = rows[0], len([row for row in rows[1:] if row])
    if header != ZONES_HEADER or count != ZONES_COUNT:
        raise BadFile(
            f"{shown}: expected the zone lookup, {ZONES_COUNT} rows under {','.join(ZONES_HEADER)}; found "
            f"{count} rows under {_excerpt(','.join(header).encode())}. If the TLC changed its zones, this "
            "project has to learn them; else fetch the file again."
        )


def _excerpt(start: bytes) -> str:
    return repr(start[:40].decode("utf-8", "replace"))


_ADVICE = "Delete the copy and fetch the file again; if it stays so, the published file itself is broken."

_CHECKS: dict[str, Callable[[Path, str], None]] = {
    ZONES_NAME: _check_zones,
    ".parquet": _check_parquet,
    ".csv.gz": _check_gzip,
    ".csv": _check_csv,
}
