"""CSV copies of the published files, as Parquet whose every field is still the text that it was.

Types are the schema table's business. One path for all formats costs a pass over the CSV copies, which
nobody loads twice.
"""

import csv
import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

import duckdb

UNREADABLE_CSV = (duckdb.Error, OSError, EOFError, ValueError, zlib.error, csv.Error)
"""What reading a damaged CSV or gzip file may raise."""


def is_csv(file_name: str) -> bool:
    """Whether a published file is a CSV copy, by its name."""
    return file_name.endswith((".csv", ".csv.gz"))


def csv_header(path: Path) -> list[str]:
    """The names in a CSV or csv.gz file's first line.

    Raises:
        ValueError: There is none; see ``UNREADABLE_CSV`` for the other errors.
    """
    opener = gzip.open if path.name.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as text:
        names = next(csv.reader(text), [])
    if not names:
        raise ValueError("it has no header")
    return names


def csv_as_parquet(
    path: Path, names: Sequence[str], target: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    """Write the rows of a CSV file whose header says ``names``, every field as text, empty ones as null.

    Raises:
        duckdb.Error: A row has too few or too many fields: says which line.
    """
    # Nothing is guessed: of a ragged row the sniffer makes another delimiter, or no header at all.
    connection.read_csv(
        str(path),
        columns=dict.fromkeys(names, "VARCHAR"),
        auto_detect=False,
        header=True,
        delimiter=",",
        quotechar='"',
        hive_partitioning=False,
    ).write_parquet(str(target))
