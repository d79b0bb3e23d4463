"""Which objects make up a partition of a Parquet table: see ``parquet.py`` for the why.

``<table>/trip_month=2024-01-01/<last>.parquet`` is a whole partition in one object. Cut by day, a
partition is ``<table>/trip_month=2024-01-01/<column>=<day>/<last>-<version>-<n>.parquet`` and the
``_manifest.json`` that names the parts of the version that counts. A manifest goes before a whole object.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from taxi_assets.targets.arrow_schema import plain_schema
from taxi_assets.targets.objects import ObjectInfo, ObjectStore
from taxi_assets.targets.objects.objects import hidden
from taxi_assets.targets.target import Facts, Held, TargetError

ROWS, FACTS = "rows", "facts"
T = TypeVar("T")
_RETRIES = 20
_FOOTERS_AT_ONCE = 8  # 200 months of a remote table are 200 round trips


@dataclass(frozen=True)
class Snapshot:
    """One version of a partition: its objects, and what is known of it."""

    keys: tuple[str, ...]
    rows: int
    size: int
    facts: Facts = field(default_factory=dict)
    manifest: bool = False

    @property
    def held(self) -> Held:
        """As the contract tells it."""
        return Held(self.rows, self.facts)


@dataclass(frozen=True)
class Layout:
    """Names and objects of one table."""

    objects: ObjectStore
    table: str
    column: str

    def __post_init__(self) -> None:
        if hidden(self.table) or "=" in self.table:
            raise TargetError(f"{self.table!r} can't be a table: a part starts with . or _, or holds =")

    @property
    def last(self) -> str:
        """Last part of the table's name, the first of its files' names."""
        return self.table.rpartition("/")[2]

    def folder(self, partition: date | None) -> str:
        """Folder of a partition."""
        return self.table if partition is None else f"{self.table}/{self.column}={partition.isoformat()}"

    def whole(self, partition: date | None) -> str:
        """Key of the object that is a whole partition."""
        return f"{self.folder(partition)}/{self.last}.parquet"

    def manifest(self, partition: date | None) -> str:
        """Key of the manifest of a partition that is cut by day."""
        return f"{self.folder(partition)}/_manifest.json"

    def snapshots(self) -> dict[date | None, Snapshot]:
        """Every partition that stands, oldest first."""
        return _settled(self._snapshots)

    def described(self) -> dict[date | None, tuple[Snapshot, pa.Schema]]:
        """Every partition that stands, oldest first, with its schema."""
        return _settled(self._described)

    def _described(self) -> dict[date | None, tuple[Snapshot, pa.Schema]]:
        standing = self._snapshots()
        with ThreadPoolExecutor(_FOOTERS_AT_ONCE if self.objects.remote else 1) as threads:
            schemas = list(threads.map(self.schema, standing.values()))
        return {
            partition: (standing[partition], schema)
            for partition, schema in zip(standing, schemas, strict=True)
        }

    def _snapshots(self) -> dict[date | None, Snapshot]:
        found: dict[date | None, list[ObjectInfo]] = {}
        for info in self.objects.list(self.table):
            place = self._place(info.key)
            if place:
                found.setdefault(place[0], []).append(info)
        ordered = sorted(found, key=lambda partition: partition or date.min)
        standing = ((partition, self._snapshot(partition, found[partition])) for partition in ordered)
        return {partition: snapshot for partition, snapshot in standing if snapshot}

    def snapshot(self, partition: date | None) -> Snapshot | None:
        """One partition as it stands."""
        return _settled(lambda: self._snapshot(partition, list(self.parts(partition))))

    def parts(self, partition: date | None) -> Iterator[ObjectInfo]:
        """Objects in the partition's folder, also those that no manifest names."""
        for info in self.objects.list(self.folder(partition)):
            place = self._place(info.key)
            if place and place[0] == partition:
                yield info

    def schema(self, snapshot: Snapshot) -> pa.Schema:
        """Columns of a partition, without the partition column."""
        with self.objects.open_input(snapshot.keys[0]) as file:
            return plain_schema(pq.read_schema(file))  # all parts have the same

    def tables(self) -> list[str]:
        """Tables that stand beside this one, for error messages."""
        found = {
            info.key.split(f"/{self.column}=")[0]
            if f"/{self.column}=" in info.key
            else info.key.rpartition("/")[0]
            for info in self.objects.list("")
            if info.key.endswith(".parquet")
        }
        return sorted(found - {""})

    def write_manifest(
        self, partition: date | None, parts: Sequence[ObjectInfo], rows: int, facts: Facts
    ) -> None:
        """Make ``parts`` what the partition holds, in one step."""
        folder = self.folder(partition)
        content = {
            ROWS: rows,
            FACTS: dict(facts),
            "parts": [{"name": part.key.removeprefix(f"{folder}/"), "bytes": part.size} for part in parts],
        }
        written = self.objects.scratch() / f"{parts[0].key.rpartition('/')[2]}.manifest"
        written.write_text(json.dumps(content, indent=1), encoding="utf-8")
        self.objects.put(written, self.manifest(partition))

    def _place(self, key: str) -> tuple[date | None, bool] | None:
        """Partition of an object, and whether it is the whole of it; None if it isn't of this table."""
        parts = key.removeprefix(f"{self.table}/").split("/")
        partition = None
        if parts[0].startswith(f"{self.column}="):
            partition = date.fromisoformat(parts.pop(0).partition("=")[2])
        if parts == [f"{self.last}.parquet"]:
            return partition, True
        if len(parts) == 2 and "=" in parts[0] and parts[1].startswith(f"{self.last}-"):
            return partition, False
        return None

    def _snapshot(self, partition: date | None, found: list[ObjectInfo]) -> Snapshot | None:
        whole = self.whole(partition)
        if any(info.key != whole for info in found):
            named = self._from_manifest(partition)
            if named:
                return named
        return next((self._from_whole(info) for info in found if info.key == whole), None)

    def _from_manifest(self, partition: date | None) -> Snapshot | None:
        try:
            with self.objects.open_input(self.manifest(partition)) as file:
                content = json.load(file)
        except FileNotFoundError:
            return None
        folder = self.folder(partition)
        keys = tuple(f"{folder}/{part['name']}" for part in content["parts"])
        size = sum(part["bytes"] for part in content["parts"])
        return Snapshot(keys, content[ROWS], size, content[FACTS], manifest=True)

    def _from_whole(self, info: ObjectInfo) -> Snapshot:
        known = info.facts
        if FACTS in known and ROWS in known:
            return Snapshot((info.key,), int(known[ROWS]), info.size, json.loads(known[FACTS]))
        with self.objects.open_input(info.key) as file:
            footer = pq.read_metadata(file)
        facts = json.loads((footer.metadata or {}).get(FACTS.encode(), b"{}"))
        return Snapshot((info.key,), footer.num_rows, info.size, facts)


def opened(layout: Layout, partition: date | None) -> tuple[list[pa.NativeFile], Snapshot] | None:
    """All files of one version of a partition, open: what is replaced from now on stays readable."""
    for _ in range(_RETRIES):
        snapshot = layout.snapshot(partition)
        if snapshot is None:
            return None
        files: list[pa.NativeFile] = []
        try:
            for key in snapshot.keys:
                files.append(_open(layout.objects, key))  # noqa: PERF401 - those open must be closed below
        except FileNotFoundError:  # replaced between the look and the opening: look again
            for file in files:
                file.close()
        else:
            return files, snapshot
    raise TargetError(f"{layout.table}: {layout.folder(partition)} names objects that are not there")


def _settled(look: Callable[[], T]) -> T:
    """``look``, again while objects that it has found are replaced before it opens them."""
    for _ in range(_RETRIES):
        try:
            return look()
        except FileNotFoundError:
            continue
    return look()


def _open(objects: ObjectStore, key: str) -> pa.NativeFile:
    # A remote object's download is deleted when the block ends; the open file stays readable.
    with objects.local_path(key) as path:
        return pa.OSFile(str(path))


def written_metadata(rows: int, facts: Facts) -> dict[str, str]:
    """What goes into the footer, and beside an object that is remote."""
    return {ROWS: str(rows), FACTS: json.dumps(dict(facts))}


def size_of(paths: Sequence[Path]) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in paths)
