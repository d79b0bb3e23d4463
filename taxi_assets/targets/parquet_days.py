"""Publishes a partition that is cut by day: the parts, then the manifest, then the old parts' deletion."""

import hashlib
import platform
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pyarrow as pa
from filelock import FileLock

from taxi_assets.targets.objects import ObjectInfo
from taxi_assets.targets.parquet_footers import parse
from taxi_assets.targets.parquet_layout import Layout
from taxi_assets.targets.target import Facts, TargetError

FOREIGN_ORPHAN_AGE = 86_400.0
"""Seconds before a part that no manifest names and another host has put counts as a dead writer's."""

_SUFFIXES = ("_datetime", "_timestamp", "_time", "_at")


def day_column(table: str, column: str, schema: pa.Schema) -> str:
    """``column``, if it has dates.

    Raises:
        TargetError: It isn't there, or is neither timestamp nor date.
    """
    if column not in schema.names:
        raise TargetError(f"{table}: no column {column} to cut by day; there are {', '.join(schema.names)}")
    kind = schema.field(column).type
    if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        raise TargetError(f"{table}: can't cut by day of {column}, which is {kind}")
    return column


def day_folder(column: str) -> str:
    """Name of the folders' column: never the column itself, which the files hold with its time of day."""
    stem = next((column.removesuffix(suffix) for suffix in _SUFFIXES if column.endswith(suffix)), column)
    return f"{stem}_day" if column == f"{stem}_date" or column.endswith("_date") else f"{stem}_date"


@contextmanager
def replacing(layout: Layout, partition: date | None) -> Iterator[None]:
    """One writer of this partition on this host at a time: an unnamed part is then a dead writer's."""
    place = layout.objects.uri(layout.folder(partition))
    name = hashlib.sha256(place.encode()).hexdigest()[:20]
    with FileLock(layout.objects.scratch().parent / f"replace-{name}.lock"):
        yield


def publish_days(
    layout: Layout,
    partition: date | None,
    column: str,
    files: Sequence[tuple[str, Path]],
    rows: int,
    facts: Facts,
) -> int:
    """Make ``files`` (day, file) the partition, delete what it was; the bytes of the new parts."""
    version = f"{_host()}{uuid.uuid4().hex[:10]}"
    folder, parts = layout.folder(partition), []
    with files[0][1].open("rb") as file:
        footer, _ = parse(file)
    for number, (day, path) in enumerate(files):
        key = f"{folder}/{day_folder(column)}={day}/{layout.last}-{version}-{number}.parquet"
        parts.append(ObjectInfo(key, path.stat().st_size))
        layout.objects.put(path, key)
    before = layout.snapshot(partition)
    layout.write_manifest(partition, parts, rows, facts, footer.fingerprint)
    named = {part.key for part in parts}
    replaced = set(before.keys) if before else set()
    for info in list(layout.parts(partition)):
        if info.key not in named and (info.key in replaced or _is_dead(layout, info)):
            layout.objects.delete(info.key)
    return sum(part.size for part in parts)


def _is_dead(layout: Layout, info: ObjectInfo) -> bool:
    name = info.key.rpartition("/")[2]
    if name == f"{layout.last}.parquet" or name.startswith(f"{layout.last}-{_host()}"):
        return True
    return time.time() - info.changed > FOREIGN_ORPHAN_AGE


def _host() -> str:
    """Six characters for this host: of its name, and of the network card where two have one name."""
    return hashlib.sha256(f"{platform.node()} {uuid.getnode()}".encode()).hexdigest()[:6]
