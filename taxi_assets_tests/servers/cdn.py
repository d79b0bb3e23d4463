"""A CDN like the TLC's, on the loopback: publishes files, misbehaves on command, remembers who asked.

``ETag``, ``Last-Modified``, ranges, ``If-Range``, ``If-None-Match``, ``HEAD``, and 403 with an XML body
for a key that is not there, as CloudFront before S3 answers::

    with serve_cdn() as cdn:
        cdn.publish("trip-data/green_tripdata_2024-01.parquet", content)
        cdn.script("trip-data/green_tripdata_2024-01.parquet", cut(1000), *unavailable(times=2))
        source = open_source(cdn.trip_data)
        ...
        assert cdn.downloads()[-1].headers["range"] == "bytes=999-"

A script is a list of faults per path (``faults.py``); each GET uses up one, and with ``on_head=True`` a
HEAD does too.
"""

import hashlib
import sys
import threading
import time
import traceback
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR

from taxi_assets_tests.servers.faults import Fault

_DENIED = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code>'
    b"<Message>Access Denied</Message></Error>"
)


@dataclass(frozen=True)
class Request:
    """What a client asked, and what it got. Header names are in lower case; ``path`` has no leading slash."""

    method: str
    path: str
    headers: Mapping[str, str]
    status: int
    bytes_sent: int


@dataclass(frozen=True)
class _File:
    content: bytes
    modified: datetime

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.content, usedforsecurity=False).hexdigest()}-1"'


class Cdn:
    """What is published, which faults are waiting, and who asked for what. Safe to use while it serves.

    ``outage`` is a fault of every answer, whatever is asked for, until it is None again.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.outage: Fault | None = None
        self._lock = threading.Lock()
        self._files: dict[str, _File] = {}
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._requests: list[Request] = []
        self._forgotten = 0

    @property
    def trip_data(self) -> str:
        """The URL under which the TLC has its trip records."""
        return f"{self.url}/trip-data"

    def publish(self, path: str, content: bytes, modified: datetime | None = None) -> str:
        """Publish ``content``, or publish it anew, and return its ETag."""
        file = _File(content, (modified or datetime.now(UTC)).replace(microsecond=0))
        with self._lock:
            self._files[path] = file
        return file.etag

    def remove(self, path: str) -> None:
        """Take the file away: 403 from now on."""
        with self._lock:
            del self._files[path]

    def script(self, path: str, *faults: Fault) -> None:
        """Let the next answers for ``path`` fail like this, in order, after those already scripted."""
        with self._lock:
            self._faults[path].extend(faults)

    def requests(self, path: str | None = None) -> list[Request]:
        """What was asked so far, oldest first: of one path, or of all."""
        with self._lock:
            return [request for request in self._requests[self._forgotten :] if path in {None, request.path}]

    def downloads(self, path: str | None = None) -> list[Request]:
        """The GETs among the requests."""
        return [request for request in self.requests(path) if request.method == "GET"]

    def forget_requests(self) -> None:
        """Begin the record anew."""
        with self._lock:
            self._forgotten = len(self._requests)

    def _take(self, method: str, path: str) -> tuple[_File | None, Fault]:
        with self._lock:
            if self.outage:
                return self._files.get(path), self.outage
            waiting = self._faults[path]
            due = waiting and (method == "GET" or waiting[0].on_head)
            return self._files.get(path), waiting.popleft() if due else Fault()

    def _record(self, request: Request) -> int:
        with self._lock:
            self._requests.append(request)
            return len(self._requests) - 1

    def _correct(self, number: int, sent: int) -> None:
        """Put right how many bytes went out, should the client have hung up early."""
        with self._lock:
            self._requests[number] = replace(self._requests[number], bytes_sent=sent)


@dataclass
class _Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def _denied() -> _Answer:
    return _Answer(403, {"Content-Type": "application/xml"}, _DENIED)


def _answer(file: _File, asked: Mapping[str, str], fault: Fault) -> _Answer:
    """What a correct CDN says, following RFC 9110: conditions first, then ranges."""
    headers = {
        "ETag": file.etag,
        "Last-Modified": format_datetime(file.modified, usegmt=True),
        "Accept-Ranges": "bytes",
        "Content-Type": "binary/octet-stream",
    }
    if _is_unmodified(file, asked):
        return _Answer(304, headers, b"")
    wanted = asked.get("range", "")
    if not wanted or fault.ignores_ranges or asked.get("if-range", file.etag) != file.etag:
        return _Answer(200, headers, file.content)
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    start, size = int(first), len(file.content)
    if start >= size:
        return _Answer(416, headers | {"Content-Range": f"bytes */{size}"}, b"")
    end = min(int(last or size - 1), size - 1)
    return _Answer(
        206, headers | {"Content-Range": f"bytes {start}-{end}/{size}"}, file.content[start : end + 1]
    )


def _is_unmodified(file: _File, asked: Mapping[str, str]) -> bool:
    if "if-none-match" in asked:
        return asked["if-none-match"] in {file.etag, "*"}
    since = asked.get("if-modified-since")
    return since is not None and file.modified <= parsedate_to_datetime(since)


def _spoilt(answer: _Answer, fault: Fault) -> _Answer:
    if fault.status is not None:
        answer = _Answer(fault.status, {"Content-Type": "text/plain"}, fault.body or b"")
    elif fault.body is not None:
        answer = _Answer(200, answer.headers, fault.body)
    answer.headers.setdefault("Content-Length", str(len(answer.body)))
    changed = {name: fault.headers.get(name, value) for name, value in answer.headers.items()}
    changed |= dict(fault.headers)
    answer.headers = {name: value for name, value in changed.items() if value is not None}
    return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Print what went wrong, unless it is only that a client hung up."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            traceback.print_exc()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cdn: Cdn

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Nothing: the requests are recorded instead."""

    def _serve(self) -> None:
        path = self.path.partition("?")[0].lstrip("/")
        asked = {name.lower(): value for name, value in self.headers.items()}
        file, fault = self.cdn._take(self.command, path)
        answer = _spoilt(_answer(file, asked, fault) if file else _denied(), fault)
        body = b"" if self.command == "HEAD" else answer.body
        if fault.republish is not None:
            self.cdn.publish(path, fault.republish)
        end = len(body) if fault.stop_after is None else min(fault.stop_after, len(body))
        # Recorded before anything is out: a client that has its answer may look at once.
        number = self.cdn._record(Request(self.command, path, asked, answer.status, end))
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        sent = self._send(body[:end], fault)
        self.cdn._correct(number, sent)
        if fault.stop_after is not None or "Content-Length" not in answer.headers:
            self._hang_up(fault.stall)

    def _send(self, body: bytes, fault: Fault) -> int:
        sent = 0
        try:
            for start in range(0, len(body), fault.drip):
                time.sleep(fault.pause)
                piece = body[start : start + fault.drip]
                self.wfile.write(piece)
                sent += len(piece)
        except OSError:  # the client has hung up: a fact of the record, not an error of the server
            self.close_connection = True
        return sent

    def _hang_up(self, after: float) -> None:
        time.sleep(after)
        self.close_connection = True
        try:
            self.connection.shutdown(SHUT_RDWR)
        except OSError:  # the client was first
            return


@contextmanager
def serve_cdn() -> Iterator[Cdn]:
    """Run a CDN with nothing published on a free port, for the length of the block."""

    class Handler(_Handler):
        """The handler of this server: the base class learns what to serve by an attribute."""

    server = _Server(("127.0.0.1", 0), Handler)
    cdn = Cdn(f"http://127.0.0.1:{server.server_port}")
    Handler.cdn = cdn
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield cdn
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
