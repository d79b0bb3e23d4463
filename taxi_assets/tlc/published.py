"""How many rows the published months have, as far as it was ever counted.

A yardstick for people and checks: a month that we loaded can be held against what others found in it. The
counts are a fact about one publication: months are re-published in place, so a difference is no proof.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from taxi_assets.tlc.services import ServiceName, month_key


@dataclass(frozen=True)
class PublishedRows:
    """What was counted in one published file.

    Attributes:
        rows: Rows by the file's footer.
        last_modified: When that file was published (UTC), or None if it wasn't noted.
    """

    rows: int
    last_modified: datetime | None


def published_rows(service_name: ServiceName, month: date) -> PublishedRows | None:
    """What was counted in a service's month; None if nobody counted it."""
    return _counted().get((service_name, month_key(month)))


@cache
def _counted() -> Mapping[tuple[str, str], PublishedRows]:
    text = files("taxi_assets.tlc").joinpath("published_rows.tsv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return MappingProxyType(
        {
            (row["service"], row["month"]): PublishedRows(int(row["rows"]), _time(row["last_modified"]))
            for row in csv.DictReader(lines, delimiter="\t")
        }
    )


def _time(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
