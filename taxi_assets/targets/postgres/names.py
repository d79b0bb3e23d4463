"""Names of partitions, staging tables and indexes: always the same for the same month, never too long."""

import hashlib
import re
from datetime import date

from taxi_assets.targets.target import TargetError

LONGEST = 63  # bytes of an identifier; Postgres cuts what is longer, in silence
STAGING = "__loading"


def checked(name: str, what: str) -> str:
    """``name``, unless Postgres would cut it."""
    if not 0 < len(name.encode()) <= LONGEST:
        raise TargetError(
            f"{what} {name!r} has {len(name.encode())} bytes, but Postgres allows 1 to {LONGEST}"
        )
    return name


def child_name(table: str, partition: date | None) -> str:
    """Table that holds the rows of ``partition``: ``green_trips_2024_01_01``."""
    return table if partition is None else _fitted(f"{table}_{partition:%Y_%m_%d}", LONGEST)


def staging_name(child: str) -> str:
    """Table that a load fills before it takes the place of ``child``."""
    return _fitted(child, LONGEST - len(STAGING)) + STAGING


def index_name(table: str, definition: str) -> str:
    """Index of ``table`` by its definition: ``brin (pickup)`` makes ``..._brin_pickup``."""
    return _fitted(f"{table}_{re.sub(r'[^0-9A-Za-z]+', '_', definition).strip('_')}", LONGEST)


def _fitted(name: str, longest: int) -> str:
    """``name``, or its beginning and a hash of the whole."""
    encoded = name.encode()
    if len(encoded) <= longest:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:10]
    return f"{encoded[: longest - 11].decode(errors='ignore')}_{digest}"
