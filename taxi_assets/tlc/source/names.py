"""Names of published files: which service and month a file says that it is."""

import re
from datetime import date
from typing import NamedTuple, cast

from taxi_assets.tlc.services import SERVICES, ServiceName, parse_month

SUFFIXES = (".parquet", ".csv.gz", ".csv")
"""In the order in which a month's file is looked for: the TLC's form first, then the course's copies."""

_NAME = re.compile(
    rf"(?P<service>{'|'.join(SERVICES)})_tripdata_(?P<month>\d{{4}}-(?:0[1-9]|1[0-2]))"
    rf"(?P<suffix>{'|'.join(map(re.escape, SUFFIXES))})",
    re.ASCII,
)


class Named(NamedTuple):
    """What a published name says."""

    service: ServiceName
    month: date
    suffix: str


def parse_file_name(name: str) -> Named | None:
    """``green_tripdata_2024-01.parquet`` as what it says, or None if it is no published name."""
    found = _NAME.fullmatch(name)
    if found is None or found["month"] < "0001":
        return None
    return Named(cast("ServiceName", found["service"]), parse_month(found["month"]), found["suffix"])
