"""Published files in a directory: copied, so that what they become does not depend on it staying as it is."""

import hashlib
import os
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path

from taxi_assets.tlc.services import Service
from taxi_assets.tlc.source.facts import is_unchanged, iso, make_facts, sealed, sighting
from taxi_assets.tlc.source.landing import BLOCK, land, part_of
from taxi_assets.tlc.source.names import SUFFIXES
from taxi_assets.tlc.source.source import (
    ZONES_NAME,
    Facts,
    Published,
    Refused,
    Sighting,
    SourceUnavailable,
    no_zones,
    not_published,
)

_COPIES = 3  # tries, where the file is written to while it is copied


class DirectorySource:
    """The files of one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __repr__(self) -> str:
        return f"DirectorySource({str(self._directory)!r})"

    def fetch(
        self, service: Service, month: date, into: Path, known: Facts | None = None
    ) -> Published | None:
        """See ``Source.fetch``."""
        path = self._find(service, month)
        if path is None:
            raise self._absent(service, month)
        if is_unchanged(known, _facts_of(path)):
            return None
        return _copy(path, into)

    def look(self, service: Service, month: date, known: Facts | None = None) -> Sighting:
        """See ``Source.look``: size and time of the file."""
        path = self._find(service, month)
        return Sighting("unpublished") if path is None else sighting(known, _facts_of(path))

    def fetch_zones(self, into: Path) -> Published:
        """See ``Source.fetch_zones``: in the sibling ``misc``, as the TLC has it, or in the directory."""
        self._require()
        places = (self._directory.parent / "misc" / ZONES_NAME, self._directory / ZONES_NAME)
        for path in places:
            if path.is_file():
                return _copy(path, into)
        raise no_zones(str(places[-1]), "no such file there nor in the sibling directory misc")

    def files(self) -> dict[str, Facts]:
        """Facts of every file by its name; hidden ones and directories are left out.

        Raises:
            SourceUnavailable: The directory is not there.
            Refused: It may not be read.
        """
        found: dict[str, Facts] = {}
        try:
            self._require()
            for path in self._directory.iterdir():
                with suppress(FileNotFoundError):  # gone since the directory was read
                    if path.is_file() and not path.name.startswith("."):
                        found[path.name] = _facts_of(path)
        except PermissionError as error:
            raise Refused(
                f"{self._directory}: expected to read it, found {error.strerror}. Give this user the right, "
                "or correct TAXI_SOURCE_URL."
            ) from error
        return found

    def _find(self, service: Service, month: date) -> Path | None:
        self._require()
        paths = (self._directory / service.file_name(month, suffix) for suffix in SUFFIXES)
        return next((path for path in paths if path.is_file()), None)

    def _require(self) -> None:
        # An unmounted disk must not look like months that the TLC has not published.
        if not self._directory.is_dir():
            raise SourceUnavailable(
                f"{self._directory}: expected a directory of published files, found none. Mount it, or "
                "correct TAXI_SOURCE_URL."
            )

    def _absent(self, service: Service, month: date) -> Exception:
        found = f"no file that ends in {', '.join(SUFFIXES)}"
        return not_published(str(self._directory / service.file_name(month, "")), found, service, month)


def _facts_of(path: Path) -> dict[str, str]:
    status = path.stat()
    return make_facts(
        url=path.absolute().as_uri(),
        etag=_version(status),
        last_modified=iso(datetime.fromtimestamp(status.st_mtime, UTC)),
        bytes=str(status.st_size),
        file_name=path.name,
    )


def _version(status: os.stat_result) -> str:
    return f"{status.st_size}-{status.st_mtime_ns}"


def _copy(path: Path, into: Path) -> Published:
    """Copy and verify ``path``; again if it was written to meanwhile."""
    part = part_of(into, path.name)
    for _ in range(_COPIES):
        facts = _facts_of(path)
        sha256 = _copy_bytes(path, part)
        if _facts_of(path) == facts:
            landed = land(part, str(path))
            return Published(landed, sealed(facts, landed, sha256))
    part.unlink(missing_ok=True)
    raise SourceUnavailable(
        f"{path}: expected a complete file, found one that changes while it is read. Run again when whatever "
        "writes it has ended."
    )


def _copy_bytes(path: Path, part: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as source, part.open("wb") as copy:
        while block := source.read(BLOCK):
            copy.write(block)
            digest.update(block)
    return digest.hexdigest()
