"""Which objects make up a partition of a Parquet table: see ``parquet.py`` for the why.

``<table>/trip_month=2024-01-01/<last>.parquet`` is a whole partition in one object. Cut by day, a
partition is ``<table>/trip_month=2024-01-01/<column>=<day>/<last>-<version>-<n>.parquet`` and the
``_manifest.json`` that names the parts of the version that counts. A manifest goes before a whole object.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias, TypeVar

import pyarrow as pa

from taxi_assets.targets.objects import ObjectInfo, ObjectStore
from taxi_assets.targets.objects.objects import hidden, partition_of
from taxi_assets.targets.parquet_footers import (
    FACTS,
    MANIFESTS_KEPT,
    ROWS,
    SCHEMA,
    Bounded,
    footer_of,
    schema_of,
)
from taxi_assets.targets.target import Facts, Held, TargetError

T = TypeVar("T")
_RETRIES = 20
_FOOTERS_AT_ONCE = 8  # 200 months of a remote table are 200 round trips


@dataclass(frozen=True)
class Snapshot:
    """One version of a partition: its objects, and what is known of it.

    Attributes:
        parts: Its objects.
        rows: How many it holds.
        facts: Stored with exactly these rows.
        fingerprint: Of its columns, which all parts share; empty if only a footer tells.
    """

    parts: tuple[ObjectInfo, ...]
    rows: int
    facts: Facts = field(default_factory=dict)
    fingerprint: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of its objects."""
        return tuple(part.key for part in self.parts)

    @property
    def held(self) -> Held:
        """As the contract tells it."""
        return Held(self.rows, self.facts)


Standing: TypeAlias = dict[date | None, tuple[Snapshot, pa.Schema]]
"""Partitions, oldest first; those of the same columns share one schema object."""


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

    def described(self) -> Standing:
        """Every partition that stands, oldest first, with its schema."""
        return _settled(self._described)

    def described_alone(self, partition: date | None) -> Standing:
        """One partition with its schema, whatever the others are; empty if it doesn't stand."""

        def look() -> Standing:
            snapshot = self._snapshot(partition, list(self.parts(partition)))
            return {partition: (snapshot, self.schema(snapshot))} if snapshot else {}

        return _settled(look)

    def _described(self) -> Standing:
        standing = self._snapshots()
        with ThreadPoolExecutor(_FOOTERS_AT_ONCE if self.objects.remote else 1) as threads:
            fingerprints = list(threads.map(self._fingerprint, standing.values()))
            one_of_each = dict(zip(fingerprints, standing.values(), strict=True))
            schemas = dict(zip(one_of_each, threads.map(self.schema, one_of_each.values()), strict=True))
        return {
            partition: (standing[partition], schemas[fingerprint])
            for partition, fingerprint in zip(standing, fingerprints, strict=True)
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
        return schema_of(self.objects, snapshot.parts[0], self._fingerprint(snapshot))

    def _fingerprint(self, snapshot: Snapshot) -> str:
        return snapshot.fingerprint or footer_of(self.objects, snapshot.parts[0]).fingerprint

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
        self,
        partition: date | None,
        parts: Sequence[ObjectInfo],
        rows: int,
        facts: Facts,
        fingerprint: str,
    ) -> None:
        """Make ``parts`` what the partition holds, in one step."""
        folder = self.folder(partition)
        content = {
            ROWS: rows,
            FACTS: dict(facts),
            SCHEMA: fingerprint,
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
            partition = partition_of(parts.pop(0), self.column)
            if partition is None:
                return None
        if parts == [f"{self.last}.parquet"]:
            return partition, True
        if len(parts) == 2 and "=" in parts[0] and parts[1].startswith(f"{self.last}-"):
            return partition, False
        return None

    def _snapshot(self, partition: date | None, found: list[ObjectInfo]) -> Snapshot | None:
        whole = self.whole(partition)
        if any(info.key != whole for info in found):
            named = self._by_manifest(partition, found)
            if named:
                return named
        return next((self._from_whole(info) for info in found if info.key == whole), None)

    def _by_manifest(self, partition: date | None, found: list[ObjectInfo]) -> Snapshot | None:
        """What the manifest names. Where that alone stood when it was last read, it names nothing else now.

        A manifest comes after its parts and before the deletion of the old ones, and no part's name is used
        twice, so another manifest would show in the folder. It saves a request for each month.
        """
        folder = self.objects.uri(self.folder(partition))
        standing = frozenset((info.key, info.version) for info in found)
        known = _manifests.get(folder)
        if known and known[0] == standing:
            return known[1]
        named = self._from_manifest(partition, {info.key: info for info in found})
        if named and sorted(named.keys) == sorted(info.key for info in found):
            _manifests.put(folder, (standing, named))
        return named

    def _from_manifest(self, partition: date | None, found: Mapping[str, ObjectInfo]) -> Snapshot | None:
        try:
            with self.objects.open_input(self.manifest(partition)) as file:
                content = json.load(file)
        except FileNotFoundError:
            return None
        folder = self.folder(partition)
        named = [ObjectInfo(f"{folder}/{part['name']}", part["bytes"]) for part in content["parts"]]
        there = [found.get(part.key) or self.objects.stat(part.key) for part in named]
        parts = tuple(part for part in there if part)
        if not parts:
            raise FileNotFoundError(f"{folder}: all of it was replaced since the manifest was read")
        if len(parts) < len(named):  # one is lost: no version, so that it is loaded again; reading it fails
            lost = tuple(part for part, stands in zip(named, there, strict=True) if not stands)
            return Snapshot(parts + lost, content[ROWS], {}, content.get(SCHEMA, ""))
        if [part.size for part in parts] != [part.size for part in named]:  # somebody rewrote one
            return Snapshot(parts, sum(footer_of(self.objects, part).rows for part in parts))
        return Snapshot(parts, content[ROWS], content[FACTS], content.get(SCHEMA, ""))

    def _from_whole(self, info: ObjectInfo) -> Snapshot:
        known = info.facts
        if FACTS in known and ROWS in known:
            return Snapshot((info,), int(known[ROWS]), json.loads(known[FACTS]), known.get(SCHEMA, ""))
        footer = footer_of(self.objects, info)
        return Snapshot((info,), footer.rows, footer.facts, footer.fingerprint)


_manifests: Bounded[str, tuple[frozenset[tuple[str, str]], Snapshot]] = Bounded(MANIFESTS_KEPT)


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
