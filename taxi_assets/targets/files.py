"""Files kept byte for byte, one a partition, with what is known about where they came from.

Beside tables, a lake holds files exactly as somebody published them. ``<name>/trip_month=2024-01-01/<file
name>`` keeps the publisher's file name; putting a partition again replaces its file in one step, and a
file published under another name (``.csv.gz`` became ``.parquet``) replaces the one before.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from dagster import ConfigurableResource

from taxi_assets.targets.objects import ObjectInfo, ObjectStore, open_objects
from taxi_assets.targets.objects.objects import hidden, partition_of
from taxi_assets.targets.objects.scratch import unfinished_directory
from taxi_assets.targets.target import Facts


@dataclass(frozen=True)
class FoundFile:
    """One version of a partition's file, as it was looked up.

    Attributes:
        facts: As ``FileStore.facts`` tells them.
        uri: Where a person finds it.
        open: Gives exactly this version for reading, under its own name, whatever is put meanwhile;
            FileNotFoundError if it was replaced or removed before.
    """

    facts: Facts
    uri: str
    open: Callable[[], AbstractContextManager[Path]]


class FileStore(ConfigurableResource):  # type: ignore[type-arg]
    """Files by name and partition, in a directory or under ``gs://bucket/prefix``."""

    url: str
    partition_column: str = "trip_month"

    def put(self, name: str, partition: date | None, file: Path, facts: Facts | None = None) -> None:
        """Move ``file`` in, under its own file name, in the place of what the partition held.

        Removed is what was seen before: of two puts at once, each under a name of its own, neither may take
        the other's file away. Both stand then, the newer one counts, and the next put removes the other.

        Args:
            name: What the file belongs to, a path: ``raw/green_trips``.
            partition: First day of the partition, or None for a name without partitions.
            file: Best written in ``scratch()``, so that moving it in is one rename. Gone afterwards.
            facts: Remembered with exactly this file: version, source, sha256.
        """
        if hidden(f"{name}/{file.name}"):
            raise ValueError(f"{name}/{file.name}: names that start with . or _ are hidden, and not kept")
        objects = self._objects()
        key = f"{self._folder(name, partition)}/{file.name}"
        before = self._candidates(objects, name, partition)
        objects.put(file, key, facts)
        for found in before:
            if found.key != key:
                objects.delete_found(found)

    def facts(self, name: str, partition: date | None = None) -> Facts | None:
        """Facts as put, with ``file`` (its name) and ``bytes`` added, or None if there is no file."""
        found = self._current(self._objects(), name, partition)
        return _facts(found) if found else None

    def find(self, name: str, partition: date | None = None) -> FoundFile | None:
        """The file as it stands now, by one look-up, so that facts and content belong together; or None."""
        objects = self._objects()
        found = self._current(objects, name, partition)
        if found is None:
            return None
        return FoundFile(_facts(found), objects.uri(found.key), lambda: objects.found_path(found))

    def open(self, name: str, partition: date | None = None) -> AbstractContextManager[Path]:
        """The file, under its own name, for reading inside the block.

        Raises:
            FileNotFoundError: There is none: says which there are.
        """
        objects = self._objects()
        found = self._current(objects, name, partition)
        if not found:
            there = ", ".join(str(one) for one in self.partitions(name)) or "nothing"
            raise FileNotFoundError(f"{self.uri(name, partition)} holds no file; of {name} there is: {there}")
        return objects.local_path(found.key)

    def partitions(self, name: str) -> dict[date | None, Facts]:
        """Every partition that has a file, oldest first, with its facts as ``facts`` tells them."""
        found: dict[date | None, ObjectInfo] = {}
        for info in self._objects().list(name):
            parts = info.key.removeprefix(f"{name}/").split("/")
            partition = partition_of(parts[0], self.partition_column) if len(parts) == 2 else None
            if len(parts) > 1 and partition is None:
                continue  # what is not ours in the folder
            held = found.get(partition)
            if not held or held.changed < info.changed:
                found[partition] = info
        return {partition: _facts(info) for partition, info in found.items()}

    def uri(self, name: str, partition: date | None = None) -> str:
        """Where a person finds the partition's file, or the folder if there is none."""
        objects = self._objects()
        found = self._current(objects, name, partition)
        return objects.uri(found.key if found else self._folder(name, partition))

    def scratch(self) -> Path:
        """A directory of this process for downloads, one rename away; removed when the process is dead."""
        return self._objects().scratch()

    def unfinished(self, name: str, partition: date | None, publisher: str) -> AbstractContextManager[Path]:
        """A directory for one publisher's file, kept until a download there has ended well."""
        work = f"{self._folder(name, partition)} {publisher}"
        return unfinished_directory(self.scratch().parent, work)

    def _objects(self) -> ObjectStore:
        return open_objects(self.url)

    def _folder(self, name: str, partition: date | None) -> str:
        return name if partition is None else f"{name}/{self.partition_column}={partition.isoformat()}"

    def _candidates(self, objects: ObjectStore, name: str, partition: date | None) -> list[ObjectInfo]:
        folder = self._folder(name, partition)
        return [info for info in objects.list(folder) if info.key.count("/") == folder.count("/") + 1]

    def _current(self, objects: ObjectStore, name: str, partition: date | None) -> ObjectInfo | None:
        # Two stand between a put under a new name and the deletion of the old, and after two puts at once.
        return max(self._candidates(objects, name, partition), key=lambda info: info.changed, default=None)


def _facts(info: ObjectInfo) -> Facts:
    return {**info.facts, "file": info.key.rpartition("/")[2], "bytes": str(info.size)}
