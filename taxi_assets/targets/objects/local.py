"""Objects in a local directory: published by one rename, facts in a hidden file beside them.

``.<name>.facts.json`` describes the file that it stands beside and, during a put, also the one that is
about to take its place, each by size and modification time. So a reader finds the facts of exactly the
file that it sees, before, between and after the two renames, and facts that fit no file are ignored.
"""

import json
import os
import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock

from taxi_assets.targets.objects.objects import ObjectInfo, checked_key, hidden
from taxi_assets.targets.objects.scratch import place_for, remove_dead, scratch_directory
from taxi_assets.targets.target import Facts
from taxi_assets.targets.wanted import still_wanted

_SCRATCH = ".scratch"
_rename_lock = threading.Lock()


@dataclass(frozen=True)
class LocalObjects:
    """The directory ``root`` as an object store; it is made by the first put."""

    root: Path
    remote = False

    def put(self, local: Path, key: str, facts: Facts | None = None) -> None:
        """Publish ``local`` by a rename; a file on another filesystem is copied beside the goal first."""
        target = self._path(key)
        self.clean()
        source = self._on_this_filesystem(local)
        os.utime(source)  # when it was put; a link, as of ``found_path``, changes only what the system keeps
        _sync(source)
        with self._one_at_a_time():
            still_wanted()
            target.parent.mkdir(parents=True, exist_ok=True)
            self._write_facts(source, target, facts)
            source.replace(target)
        _sync_directories(target.parent, self.root)
        local.unlink(missing_ok=True)

    def stat(self, key: str) -> ObjectInfo | None:
        """The file, with the facts that were put with exactly this content."""
        return _stat(key, self._path(key))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Files below the folder, by key."""
        folder = self._path(prefix.rstrip("/")) if prefix.strip("/") else self.root
        for key, path in sorted(_walk(folder, self.root)):
            # The walk enters no linked folder, so that only a link itself can lead out of the root.
            linked = os.path.islink(path)  # noqa: PTH114 - no Path for each of hundreds of months
            found = self.stat(key) if linked else _stat(key, path)
            if found:  # else deleted since we looked
                yield found

    def delete(self, key: str) -> None:
        """Remove the file, its facts, and the folders that are empty without it."""
        path = self._path(key)
        if not path.parent.is_dir():
            return
        with self._one_at_a_time():
            self._remove(path)

    def delete_found(self, info: ObjectInfo) -> None:
        """As ``delete``, if it is still the file that was looked up: no put comes between."""
        path = self._path(info.key)
        if not path.parent.is_dir():
            return
        with self._one_at_a_time():
            found = _stat(info.key, path)
            if found and found.version == info.version:
                self._remove(path)

    @contextmanager
    def local_path(self, key: str) -> Iterator[Path]:
        """The file itself: an open one stays readable when it is replaced, its path shows the new one."""
        path = self._path(key)
        if not path.is_file():
            raise FileNotFoundError(f"{path} is not there")
        yield path

    def open_input(self, key: str) -> BinaryIO:
        """The file, open: what was opened stays readable when the key is replaced."""
        return self._path(key).open("rb")

    def open_found(self, info: ObjectInfo) -> BinaryIO:
        """The file, open, if it is still the one that was looked up."""
        file = self._path(info.key).open("rb")
        if _version(os.fstat(file.fileno())) == info.version:
            return file
        file.close()
        raise FileNotFoundError(f"{self.uri(info.key)} was replaced since it was looked up")

    @contextmanager
    def found_path(self, info: ObjectInfo) -> Iterator[Path]:
        """A second name of the file among the scratch files: a put takes only the first away."""
        with place_for(info.key, self.scratch()) as kept:
            self._keep(info, kept)
            yield kept

    def scratch(self) -> Path:
        """This process's directory below ``<root>/.scratch``."""
        return scratch_directory(self._scratch_root())

    def clean(self) -> None:
        """Remove scratch directories of processes that are dead."""
        remove_dead(self._scratch_root())

    def uri(self, key: str) -> str:
        """The path. Nothing is opened by it, so no link is followed: it is asked for with every look."""
        return f"{self.root}/{checked_key(key)}"

    def _path(self, key: str) -> Path:
        path = self.root / checked_key(key)
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise ValueError(f"{key!r} leads out of {self.root} through a link")
        return path

    def _scratch_root(self) -> Path:
        directory = self.root.absolute() / _SCRATCH
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """Milliseconds: no folder is removed under a put, and no facts that another put has left are lost."""
        with _rename_lock, FileLock(self._scratch_root() / "rename.lock"):
            yield

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        _facts_path(path).unlink(missing_ok=True)
        for folder in path.parents:
            if folder == self.root or not _removed_if_empty(folder):
                return

    def _on_this_filesystem(self, local: Path) -> Path:
        if local.stat().st_dev == self._scratch_root().stat().st_dev:
            return local
        copy = self.scratch() / local.name
        try:
            return Path(shutil.copy2(local, copy))
        except BaseException:  # a full disk leaves a piece of it
            copy.unlink(missing_ok=True)
            raise

    def _keep(self, info: ObjectInfo, kept: Path) -> None:
        with self.open_found(info) as file:
            try:
                os.link(self._path(info.key), kept)
            except OSError:  # a file system without links, or somebody else's file
                with kept.open("wb") as copy:
                    shutil.copyfileobj(file, copy)
                return
        if _version(kept.stat()) != info.version:
            raise FileNotFoundError(f"{self.uri(info.key)} was replaced since it was looked up")

    def _write_facts(self, source: Path, target: Path, facts: Facts | None) -> None:
        sidecar = _facts_path(target)
        if not facts:
            sidecar.unlink(missing_ok=True)
            return
        entries = [{"file": _mark(source), "facts": dict(facts)}]
        if target.exists():
            entries += [entry for entry in _entries(target) if entry["file"] == _mark(target)]
        written = self.scratch() / f"{threading.get_ident()}{sidecar.name}"
        try:
            written.write_text(json.dumps(entries, indent=1), encoding="utf-8")
            _sync(written)
            written.replace(sidecar)
        finally:
            written.unlink(missing_ok=True)


def _facts_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.facts.json")


def _version(found: os.stat_result) -> str:
    return f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"


def _mark(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def _stat(key: str, path: str | Path) -> ObjectInfo | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - as above
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    mark = [found.st_size, found.st_mtime_ns]
    facts: Facts = next((entry["facts"] for entry in _entries(Path(path)) if entry["file"] == mark), {})
    return ObjectInfo(key, found.st_size, facts, _version(found), found.st_mtime_ns / 1e9)


def _entries(path: Path) -> list[dict[str, Any]]:
    try:
        entries: list[dict[str, Any]] = json.loads(_facts_path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return entries


def _walk(folder: Path, root: Path) -> Iterator[tuple[str, str]]:
    """Key and path of each file."""
    for directory, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not hidden(name)]
        base = Path(directory).relative_to(root).as_posix()
        for name in names:
            if not hidden(name):
                yield name if base == "." else f"{base}/{name}", f"{directory}/{name}"


def _removed_if_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:  # not empty, or somebody else was faster
        return False
    return True


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_directories(folder: Path, root: Path) -> None:
    """Make the rename last, and the folders above that may be new."""
    while True:
        _sync(folder)
        if folder in {root, folder.parent}:
            return
        folder = folder.parent
