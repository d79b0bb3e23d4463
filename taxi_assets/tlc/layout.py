"""How a published file is laid out, as its footer or its header says: columns, rows, row groups.

Kept as facts beside the file, so that no one has to fetch it again to ask how the TLC wrote it that month.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pyarrow.parquet as pq

from taxi_assets.tlc.conversions import published_type
from taxi_assets.tlc.csv_copy import csv_header

COLUMNS = "columns"
"""Fact: the file's columns in their order, name to type in the schema table's words, as JSON."""

CSV_TEXT = "text"
"""Type of every column of a CSV copy, which has none."""

_NONE: Mapping[str, str] = MappingProxyType({})


def layout_facts(path: Path) -> dict[str, str]:
    """Facts about a published Parquet, csv.gz or csv file; a CSV file's rows are counted by nobody."""
    if path.suffix != ".parquet":
        return {COLUMNS: json.dumps(dict.fromkeys(csv_header(path), CSV_TEXT))}
    footer = pq.read_metadata(path)
    schema = footer.schema.to_arrow_schema()
    return {
        COLUMNS: json.dumps({field.name: published_type(field.type)[1] for field in schema}),
        "rows": str(footer.num_rows),
        "row_groups": str(footer.num_row_groups),
    }


def columns_of(facts: Mapping[str, str]) -> Mapping[str, str]:
    """Name to type of a kept file's columns; empty for one that was fetched before this was noted."""
    found = facts.get(COLUMNS)
    return json.loads(found) if found else _NONE
