"""A TCP port in front of a server that has only a socket: dlt and sling insist on a host.

Bytes go through unread, a megabyte at a time: tenths of a second for a month of 3 million rows, whose load
takes those tools many times as long.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import parse_qs, urlsplit

_BLOCK = 1 << 20


@contextmanager
def over_tcp(url: str) -> Iterator[str]:
    """The URL of the same database over TCP, while the block runs."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    path = f"{query['host'][0]}/.s.PGSQL.{query['port'][0]}"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener, path), daemon=True).start()
        port = listener.getsockname()[1]
        yield f"postgresql://{parts.username}:none@127.0.0.1:{port}{parts.path}?sslmode=disable"


def _serve(listener: socket.socket, path: str) -> None:
    with suppress(OSError):  # the listener was closed: it is over
        while True:
            client, _ = listener.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect(path)
            for pair in ((client, server), (server, client)):
                threading.Thread(target=_pass_on, args=pair, daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):  # either side hung up
        while block := source.recv(_BLOCK):
            target.sendall(block)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
