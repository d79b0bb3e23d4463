"""A TCP port before a server, where connections can be cut, or something else done, at a chosen byte."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_BLOCK = 1 << 16
_DONE_WITHIN = 60.0  # seconds: a restart takes 3 on a busy machine


@dataclass
class Proxy:
    """A running proxy.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        server: Address of the server: host and port, or the path of a Unix socket.
        moved: Bytes that have passed, both ways and over all connections.
        pieces: How many times something passed: one request or answer, or 64 KiB of a long one.
    """

    port: int
    server: tuple[str, int] | str | None = None
    moved: int = 0
    pieces: int = 0
    _live: set[socket.socket] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _moved_at: int = 0
    _pieces_at: int = 0
    _act: Callable[[], object] | None = None
    _done: threading.Event = field(default_factory=threading.Event)

    @property
    def endpoint(self) -> str:
        """Its URL, for HTTP."""
        return f"http://127.0.0.1:{self.port}"

    def after(self, act: Callable[[], object], *, moved: int = 0, pieces: int = 0) -> None:
        """Do ``act`` once, when so much has passed from now on, before anything more does."""
        with self._lock:
            self._moved_at, self._pieces_at = self.moved + moved, self.pieces + pieces
            self._act = act
            self._done.clear()

    def happened(self) -> bool:
        """Whether what ``after`` was told was done; waits for its end, and forgets it if it was not begun."""
        with self._lock:
            begun, self._act = self._act is None, None
        return begun and self._done.wait(_DONE_WITHIN)

    def cut(self) -> None:
        """Hang up on both sides of every connection."""
        with self._lock:
            live = list(self._live)
        for connection in live:
            with contextlib.suppress(OSError):  # it has ended meanwhile
                connection.shutdown(socket.SHUT_RDWR)

    def serve(self, listener: socket.socket) -> None:
        """Pass on connections until the listener is closed."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                self._pair(client)

    def _pair(self, client: socket.socket) -> None:
        try:
            server = _connected(self.server)
        except OSError:  # the server is down: its clients are hung up on, as they would be
            client.close()
            return
        with self._lock:
            self._live |= {client, server}
        for one in (client, server):
            if one.family == socket.AF_INET:  # else Nagle keeps the body of an answer back for 40 ms
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=self._relay, args=(source, sink), daemon=True).start()

    def _relay(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):  # one side hung up: so do we on the other
            while data := source.recv(_BLOCK):
                self._pass_on(data, sink)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._live.discard(source)
        source.close()

    def _pass_on(self, data: bytes, sink: socket.socket) -> None:
        with self._lock:
            before, self.moved, self.pieces = self.moved, self.moved + len(data), self.pieces + 1
            due = self.moved > self._moved_at and self.pieces > self._pieces_at
            act, self._act = (self._act, None) if due else (None, self._act)
        if act is None:
            sink.sendall(data)
            return
        kept = max(self._moved_at - before, 0)
        sink.sendall(data[:kept])
        try:
            act()
        finally:
            self._done.set()
        sink.sendall(data[kept:])  # fails where the connection was cut


def _connected(address: tuple[str, int] | str | None) -> socket.socket:
    if address is None:
        raise ConnectionRefusedError("no server yet")
    if isinstance(address, tuple):
        return socket.create_connection(address, timeout=None)
    server = socket.socket(socket.AF_UNIX)
    server.connect(address)
    return server


@contextmanager
def proxy() -> Iterator[Proxy]:
    """Listen on a free port for the length of the block; who connects is passed on to ``Proxy.server``."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = Proxy(int(listener.getsockname()[1]))
        threading.Thread(target=made.serve, args=(listener,), daemon=True).start()
        try:
            yield made
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            made.cut()
