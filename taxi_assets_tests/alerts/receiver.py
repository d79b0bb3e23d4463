"""A webhook on the loopback: keeps what Apprise's ``json://`` sends to it, and refuses on command."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Message:
    """What somebody was told. ``kind`` is Apprise's: info, success, warning, failure."""

    title: str
    body: str
    kind: str


@dataclass
class Receiver:
    """A webhook.

    Attributes:
        port: Where it listens.
        received: What it took, oldest first.
        status: What it answers; it takes a message with 200 only.
        attempts: How often it was asked.
        pause: Seconds until it answers.
    """

    port: int
    received: list[Message] = field(default_factory=list)
    status: int = 200
    attempts: int = 0
    pause: float = 0.0

    @property
    def url(self) -> str:
        """As it stands in ``TAXI_ALERT_URLS``, with a password and a token that nobody may see."""
        return f"json://me:Hx7-s3cr3t@127.0.0.1:{self.port}/Zq9-t0ken"

    def titles(self) -> list[str]:
        return [message.title for message in self.received]

    def take(self) -> list[Message]:
        """What came since the last call."""
        taken = list(self.received)
        self.received.clear()
        return taken


@contextmanager
def serve_receiver() -> Iterator[Receiver]:
    """Run a webhook on a free port, for the length of the block."""
    receiver = Receiver(0)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            receiver.attempts += 1
            time.sleep(receiver.pause)
            if receiver.status == 200:
                told = Message(content["title"], content["message"], content["type"])
                receiver.received.append(told)
            self.send_response(receiver.status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Nothing: what came is kept."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
