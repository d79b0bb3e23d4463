"""Objects under ``gs://bucket/prefix``: published by one upload, facts as the object's metadata.

A Cloud Storage upload is atomic: the object is the old one until the last byte has arrived and the checksum
fits. Every read names the generation that was looked up, so it gets one version or none, never pieces of
two. Google's client retries by itself; uploading or deleting the same twice does no harm. An upload that
was cut off and goes on later replaces what another one has put meanwhile only if it is wanted even then.

Credentials are Google's usual ones. With ``STORAGE_EMULATOR_HOST`` the client goes to an emulator with none.
"""

import hashlib
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import google.cloud.storage as storage  # type: ignore[import-untyped]
from google.api_core.exceptions import NotFound, PreconditionFailed
from google.cloud.storage.retry import DEFAULT_RETRY  # type: ignore[import-untyped]

from taxi_assets.targets.objects.objects import ObjectInfo, checked_key, hidden
from taxi_assets.targets.objects.scratch import place_for, remove_dead, scratch_directory
from taxi_assets.targets.target import Facts
from taxi_assets.targets.wanted import still_wanted

_METADATA_BYTES = 8192  # Cloud Storage's limit on all custom metadata of one object
_PIECE = 16 * 2**20  # bytes per request of an upload or a lazy read; a multiple of 256 KiB
_RETRIES = 10
_LOOK_AHEAD = 256 * 1024  # bytes fetched at least: the footer of a Parquet file in one request


class GcsObjects:
    """The prefix of a bucket as an object store."""

    remote = True

    def __init__(self, client: storage.Client, bucket: str, prefix: str) -> None:
        self._bucket = client.bucket(bucket)
        self._prefix = f"{prefix}/" if prefix else ""

    def put(self, local: Path, key: str, facts: Facts | None = None) -> None:
        """Upload ``local``, with the facts as metadata, in one step."""
        self.clean()
        metadata = dict(facts or {})
        size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
        if size > _METADATA_BYTES:
            raise ValueError(f"{self.uri(key)}: {size} bytes of facts; Cloud Storage keeps {_METADATA_BYTES}")
        for _ in range(_RETRIES):
            if self._put_over_what_stands(local, key, metadata):
                local.unlink(missing_ok=True)
                return
        raise RuntimeError(f"{self.uri(key)} is put by others all the time: gave up after {_RETRIES} tries")

    def stat(self, key: str) -> ObjectInfo | None:
        """The object, by one request."""
        blob = self._bucket.get_blob(self._blob(key).name)
        return self._info(blob) if blob else None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Objects below the folder, by key, with their facts: one request per thousand."""
        folder = f"{checked_key(prefix.strip('/'))}/" if prefix.strip("/") else ""
        for blob in self._bucket.list_blobs(prefix=f"{self._prefix}{folder}"):
            info = self._info(blob)
            if not hidden(info.key):
                yield info

    def delete(self, key: str) -> None:
        """Remove the object."""
        try:
            self._blob(key).delete(retry=DEFAULT_RETRY)
        except NotFound:
            return

    def delete_found(self, info: ObjectInfo) -> None:
        """Remove the object, on condition that its generation is the one that was looked up."""
        # The condition alone would do on Cloud Storage, but fake-gcs-server heeds none when it deletes.
        standing = self.stat(info.key)
        if standing is None or standing.version != info.version:
            return
        try:
            self._blob(info.key).delete(if_generation_match=int(info.version), retry=DEFAULT_RETRY)
        except (NotFound, PreconditionFailed):
            return

    @contextmanager
    def local_path(self, key: str) -> Iterator[Path]:
        """A download of one generation, deleted at the end of the block."""
        with place_for(key, self.scratch()) as path:
            self._download(key, path)
            yield path

    @contextmanager
    def found_path(self, info: ObjectInfo) -> Iterator[Path]:
        """A download of the generation that was looked up."""
        with place_for(info.key, self.scratch()) as path:
            try:
                self._generation(info).download_to_filename(str(path))
            except NotFound as error:
                raise FileNotFoundError(
                    f"{self.uri(info.key)} was replaced since it was looked up"
                ) from error
            yield path

    def open_input(self, key: str) -> BinaryIO:
        """One generation of the object, fetched in pieces as it is read."""
        return io.BufferedReader(_Generation(*self._pinned(key)), _LOOK_AHEAD)

    def open_found(self, info: ObjectInfo) -> BinaryIO:
        """The generation that was looked up, without looking it up again."""
        return io.BufferedReader(_Generation(self._generation(info), info.size), _LOOK_AHEAD)

    def scratch(self) -> Path:
        """This process's directory below the system's temporary directory, only for this user to read."""
        return scratch_directory(self._scratch_root())

    def clean(self) -> None:
        """Remove scratch directories of processes that are dead."""
        remove_dead(self._scratch_root())

    def uri(self, key: str) -> str:
        """``gs://bucket/prefix/key``."""
        return f"gs://{self._bucket.name}/{self._blob(key).name}"

    def _blob(self, key: str, **options: int) -> storage.Blob:
        return self._bucket.blob(f"{self._prefix}{checked_key(key)}", **options)

    def _put_over_what_stands(self, local: Path, key: str, metadata: Facts) -> bool:
        """Upload, unless the object is another one by the end of it than when it was last wanted."""
        standing = self.stat(key)
        still_wanted()
        blob = self._blob(key, chunk_size=_PIECE)
        blob.metadata = metadata
        generation = int(standing.version) if standing else 0  # 0: only if there is none
        try:
            blob.upload_from_filename(str(local), if_generation_match=generation, retry=DEFAULT_RETRY)
        except PreconditionFailed:
            return False
        return True

    def _pinned(self, key: str) -> tuple[storage.Blob, int]:
        """The object as a blob whose every request names its generation, and its size."""
        info = self.stat(key)
        if info is None:
            raise FileNotFoundError(f"{self.uri(key)} is not there")
        return self._generation(info), info.size

    def _generation(self, info: ObjectInfo) -> storage.Blob:
        # A new one: the one looked up is fetched by its media link, which names no generation on an emulator.
        return self._blob(info.key, generation=int(info.version))

    def _download(self, key: str, path: Path) -> None:
        """Fetch the newest generation; look again if it is replaced before the first byte."""
        for _ in range(_RETRIES):
            blob, _size = self._pinned(key)
            try:
                blob.download_to_filename(str(path))
            except NotFound:
                continue
            return
        raise FileNotFoundError(f"{self.uri(key)} is replaced faster than it can be read")

    def _info(self, blob: storage.Blob) -> ObjectInfo:
        changed = blob.updated.timestamp() if blob.updated else 0.0
        key = blob.name.removeprefix(self._prefix)
        return ObjectInfo(key, blob.size or 0, dict(blob.metadata or {}), str(blob.generation), changed)

    def _scratch_root(self) -> Path:
        place = hashlib.sha256(f"{self._bucket.name}/{self._prefix}".encode()).hexdigest()[:12]
        own = Path(tempfile.gettempdir()) / f"lake-scratch-{os.getuid()}"
        own.mkdir(mode=0o700, exist_ok=True)
        if own.is_symlink() or own.stat().st_uid != os.getuid():
            raise PermissionError(f"{own} belongs to somebody else; set TMPDIR to a directory of your own")
        return own / place


class _Generation(io.RawIOBase):
    """One generation of an object as a file: every read is one request for a range of it."""

    def __init__(self, blob: storage.Blob, size: int) -> None:
        self._blob, self._size, self._position = blob, size, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move there; costs no request."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as the object goes.

        Raises:
            FileNotFoundError: The object was replaced or deleted since it was opened.
        """
        end = min(self._position + len(buffer), self._size)
        if end <= self._position:
            return 0
        try:
            found = self._blob.download_as_bytes(start=self._position, end=end - 1)
        except NotFound as error:
            raise FileNotFoundError(f"{self._blob.name} was replaced while it was read") from error
        buffer[: len(found)] = found
        self._position += len(found)
        return len(found)


def open_gcs(bucket: str, prefix: str) -> GcsObjects:
    """The store of a bucket and prefix.

    Raises:
        ValueError: No bucket is named.
    """
    if not bucket:
        raise ValueError("a URL of Cloud Storage is gs://bucket/prefix")
    # The client's own variable is part of the key, as tests start one emulator after another; so is the
    # process, because a forked one must not share its parent's connections.
    return GcsObjects(_client(os.environ.get("STORAGE_EMULATOR_HOST"), os.getpid()), bucket, prefix)


@cache
def _client(emulator: str | None, process: int) -> storage.Client:  # noqa: ARG001 - the key of the cache
    return storage.Client()
