"""A TCP port before a Postgres server's Unix socket: makes it far away, or makes a pooler of itself.

The embedded server listens on no port. Its session is passed on byte by byte, but for the process number
in BackendKeyData, which poolers invent too.
"""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_KEY_DATA = b"K\x00\x00\x00\x0c"  # type and length, then process number and secret, 4 bytes each
_BLOCK = 65536


@contextmanager
def postgres_port(socket_directory: str, delay: float = 0.0, process: int | None = None) -> Iterator[int]:
    """Listen on a free port of 127.0.0.1 for the length of the block.

    Args:
        socket_directory: Where the server listens.
        delay: Seconds by which each answer comes later.
        process: Told to clients as the number of their server process.
    """
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):  # closed: the block has ended
            while True:
                client, _ = listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(f"{socket_directory}/.s.PGSQL.5432")
                _start(_relay, client, server, 0.0, None)
                _start(_relay, server, client, delay, process)

    _start(serve)
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _relay(source: socket.socket, sink: socket.socket, delay: float, process: int | None) -> None:
    with contextlib.suppress(OSError), sink:  # the other side hung up
        while data := source.recv(_BLOCK):
            time.sleep(delay)
            sink.sendall(data if process is None else _renumbered(data, process))


def _renumbered(data: bytes, process: int) -> bytes:
    before, key, after = data.partition(_KEY_DATA)
    return before + key + struct.pack("!i", process) + after[4:] if key else data


def _start(run: object, *arguments: object) -> None:
    threading.Thread(target=run, args=arguments, daemon=True).start()  # type: ignore[arg-type]
