"""The protocol of an object store, and the way from a URL to one.

A dozen operations are all that the Parquet target and the file store need. An object appears whole or not
at all (``put``), and whoever opened one goes on reading what was opened, whatever happens to its key.

Names whose last part or any folder starts with ``.`` or ``_`` are hidden: every hive reader skips
them and so does ``list``. They can still be put, asked for and deleted by their full key.
"""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from taxi_assets.targets.target import Facts


@dataclass(frozen=True)
class ObjectInfo:
    """An object as it stands.

    Attributes:
        key: Its path below the store's root, with ``/``.
        size: Bytes.
        facts: What ``put`` was given for exactly this content; empty if nothing was.
        version: Changes whenever the content is put again.
        changed: When it was put: seconds since 1970, comparable within one store.
    """

    key: str
    size: int
    facts: Facts = field(default_factory=dict)
    version: str = ""
    changed: float = 0.0


class ObjectStore(Protocol):
    """Objects under one root. Every key is checked: none leads out of the root (ValueError)."""

    @property
    def remote(self) -> bool:
        """Whether opening an object costs a network round trip."""

    def put(self, local: Path, key: str, facts: Facts | None = None) -> None:
        """Publish the file ``local`` as ``key`` in one step, durably; ``local`` is gone afterwards."""

    def stat(self, key: str) -> ObjectInfo | None:
        """The object, or None."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """All objects below the folder ``prefix`` (``""``: all), by key, without the hidden ones."""

    def delete(self, key: str) -> None:
        """Remove the object; none there is fine."""

    def delete_found(self, info: ObjectInfo) -> None:
        """Remove the object if it is still the version that ``info`` tells of; any other one stays."""

    def local_path(self, key: str) -> AbstractContextManager[Path]:
        """One version of the object as a local file, for reading: FileNotFoundError if it isn't there."""

    def open_input(self, key: str) -> BinaryIO:
        """One version of the object as a seekable file, read as needed; FileNotFoundError once it is gone."""

    def open_found(self, info: ObjectInfo) -> BinaryIO:
        """The version that ``info`` tells of, as ``open_input``; FileNotFoundError if it is not there."""

    def found_path(self, info: ObjectInfo) -> AbstractContextManager[Path]:
        """The version that ``info`` tells of, as a local file that stays so; else as ``open_found``.

        The file has the object's own name.
        """

    def scratch(self) -> Path:
        """A directory of this process for files on their way in, one rename away from the objects."""

    def clean(self) -> None:
        """Remove scratch files of processes that are dead."""

    def uri(self, key: str) -> str:
        """Where a person finds the object."""


def open_objects(url: str) -> ObjectStore:
    """The store that ``url`` names: a directory, ``file:///directory`` or ``gs://bucket/prefix``.

    Raises:
        ValueError: The URL is of another kind, or its prefix leads out of the bucket.
    """
    parts = urlsplit(url)
    if parts.scheme == "gs":
        # Imported here: the client costs 0.4 s, which a local lake need not pay.
        from taxi_assets.targets.objects.gcs import open_gcs

        prefix = parts.path.strip("/")
        return open_gcs(parts.netloc, checked_key(prefix) if prefix else "")
    from taxi_assets.targets.objects.local import LocalObjects

    if parts.scheme == "file":
        if parts.netloc not in {"", "localhost"}:
            raise ValueError(f"{url!r} names a host; a local directory is file:///directory")
        return LocalObjects(Path(unquote(parts.path)))
    if "://" in url or not url:
        raise ValueError(f"{url!r} is neither a directory nor file:///directory nor gs://bucket/prefix")
    return LocalObjects(Path(url))


def checked_key(key: str) -> str:
    """``key``, if it stays below the root.

    Raises:
        ValueError: It is empty, absolute, or has an empty part, ``.``, ``..``, a backslash or NUL.
    """
    parts = key.split("/")
    if not key or any(part in {"", ".", ".."} for part in parts) or "\\" in key or "\0" in key:
        raise ValueError(f"{key!r} is not a path below the root of the store")
    return key


def hidden(key: str) -> bool:
    """Whether hive readers skip this object."""
    return any(part.startswith((".", "_")) and part != "." for part in key.split("/"))


def partition_of(folder: str, column: str) -> date | None:
    """The partition that ``trip_month=2024-01-01`` names; None for any other folder, also for a copy."""
    name, _, value = folder.partition("=")
    if name != column or not re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None
