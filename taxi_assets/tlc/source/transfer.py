"""One file's download over HTTP, over as many connections as it takes.

The bytes collect in ``<name>.part``; beside it ``<name>.part.etag`` remembers which version of the
file they belong to. A next try, also by another process, asks for the rest by ``Range`` on condition
that the version is still that one (``If-Range``), so two versions never mix.
"""

import hashlib
import re
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import requests
from urllib3.exceptions import HTTPError

from taxi_assets.tlc.source.connection import Address, Connection, cause_of, conditions, header_facts
from taxi_assets.tlc.source.facts import is_unchanged, sealed
from taxi_assets.tlc.source.landing import BLOCK, land, part_of
from taxi_assets.tlc.source.patience import Passing
from taxi_assets.tlc.source.source import BadFile, Facts, Published, TruncatedFile
from taxi_assets.tlc.source.verify import refuse_page

_CONTENT_RANGE = re.compile(r"bytes (?P<start>\d+)-\d+/(?P<total>\d+|\*)")


class Transfer:
    """The download of one file into one directory."""

    def __init__(self, connection: Connection, address: Address, into: Path, known: Facts | None) -> None:
        self._connection = connection
        self._address = address
        self._known = known
        self._part = part_of(into, address.name)
        self._etag_path = self._part.with_name(f"{self._part.name}.etag")
        self._was_truncated = False

    def attempt(self) -> Published | None:
        """Fetch what is missing; the file, or None if it is unchanged since it was known.

        Raises:
            Passing: The next attempt may get further.
            Absent: The file is not there.
            BadFile: The file is not what its name says.
        """
        try:
            return self._fetch()
        except BadFile:
            self._discard()
            raise

    def _fetch(self) -> Published | None:
        kept, etag = self._kept()
        with self._connection.ask("GET", self._address, self._headers(kept, etag)) as answer:
            facts = header_facts(answer, self._address)
            if self._is_unchanged(answer, facts):
                self._discard()
                return None
            start, total = self._agree(answer, kept, etag)
            sha256 = self._receive(answer, start, total, facts["etag"])
        return self._land(facts, sha256)

    def _is_unchanged(self, answer: requests.Response, facts: Facts) -> bool:
        if answer.status_code == HTTPStatus.NOT_MODIFIED:
            if not self._known:
                raise Passing("HTTP 304 to a request without conditions")
            return True
        # A server that takes no conditions sends the file all the same: leave before its body.
        return answer.status_code == HTTPStatus.OK and is_unchanged(self._known, facts)

    def _headers(self, kept: int, etag: str) -> dict[str, str]:
        resumed = {"Range": f"bytes={kept}-", "If-Range": etag} if kept else {}
        return conditions(self._known, self._address) | resumed

    def _kept(self) -> tuple[int, str]:
        """Bytes of ``.part`` to build upon, and the version that they belong to."""
        if not self._part.exists() or not self._etag_path.exists():
            return 0, ""
        # The last byte is asked for again: a range that begins at the end of a complete part is an
        # error (416), one that begins before it never is.
        return max(0, self._part.stat().st_size - 1), self._etag_path.read_text()

    def _agree(self, answer: requests.Response, kept: int, etag: str) -> tuple[int, int | None]:
        """Where the answer's bytes begin, and how long the whole file is if the server tells."""
        if answer.status_code == HTTPStatus.OK:
            length = answer.headers.get("Content-Length", "")
            return 0, int(length) if length.isdigit() else None
        told = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if told is None or int(told["start"]) != kept or answer.headers.get("ETag", etag) != etag:
            self._discard()
            raise Passing(f"HTTP {answer.status_code} that does not continue at byte {kept:,}; starting over")
        return kept, None if told["total"] == "*" else int(told["total"])

    def _receive(self, answer: requests.Response, start: int, total: int | None, etag: str) -> str:
        """Write the answer behind the first ``start`` bytes of ``.part``; the whole file's SHA-256."""
        if start == 0:
            self._begin(etag)
        with self._part.open("r+b") as file:
            digest = hashlib.sha256()
            for _ in range(0, start, BLOCK):
                digest.update(file.read(min(BLOCK, start - file.tell())))
            file.truncate(start)  # the byte asked for again, should it not come
            for block in self._blocks(answer):
                if file.tell() == 0:
                    refuse_page(block, self._address.name, self._address.shown)
                file.write(block)
                digest.update(block)
            size = file.tell()
        if total is not None and size != total:
            raise Passing(f"the connection ended after {size:,} of {total:,} bytes")
        return digest.hexdigest()

    def _begin(self, etag: str) -> None:
        """An empty ``.part``, with the version of what is to come, if that can be told apart from others."""
        self._etag_path.unlink(missing_ok=True)
        self._part.write_bytes(b"")
        if etag.startswith('"'):  # a weak one, W/"…", does not promise the same bytes
            self._etag_path.write_text(etag)

    def _blocks(self, answer: requests.Response) -> Iterator[bytes]:
        """The body's bytes as they come and as they are stored, not unpacked."""
        begun, received = time.monotonic(), 0
        patience = self._connection.patience
        while block := _read(answer):
            received += len(block)
            yield block
            age = time.monotonic() - begun
            if age > patience.read and received < age * patience.slowest:
                raise Passing(f"{received:,} bytes in {age:.0f} s is too slow")

    def _land(self, facts: dict[str, str], sha256: str) -> Published:
        self._etag_path.unlink(missing_ok=True)
        try:
            path = land(self._part, self._address.shown)
        except TruncatedFile as error:
            if self._was_truncated:
                raise
            # The length was as told and the file is cut all the same: some proxy has kept a short
            # copy. Once more from the start, not eight times 500 MB.
            self._was_truncated = True
            raise Passing(str(error)) from None
        return Published(path, sealed(facts, path, sha256))

    def _discard(self) -> None:
        self._etag_path.unlink(missing_ok=True)
        self._part.unlink(missing_ok=True)


def _read(answer: requests.Response) -> bytes:
    try:
        block: bytes = answer.raw.read1(BLOCK, decode_content=False)
    except HTTPError as error:
        failure = cause_of(error)
    else:
        return block
    raise Passing(failure)
