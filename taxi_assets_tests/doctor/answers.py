"""An HTTP server with one answer to everything: a refusal, or a bucket's properties in Cloud Storage's form.

fake-gcs-server refuses nothing, and on a filesystem keeps neither location nor versioning of a bucket.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@contextmanager
def answering(status: int, answer: dict[str, Any]) -> Iterator[str]:
    """Serve ``answer`` for the length of the block; gives the URL."""
    body = json.dumps(answer).encode()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Keep silent."""

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - the base class's names

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def refusal(status: int, message: str) -> dict[str, Any]:
    """The body of a refusal."""
    return {"error": {"code": status, "message": message}}


def bucket(location: str, storage_class: str = "STANDARD", versioning: bool = False) -> dict[str, Any]:
    """The properties of a bucket named lake."""
    return {
        "kind": "storage#bucket",
        "name": "lake",
        "location": location,
        "storageClass": storage_class,
        "versioning": {"enabled": versioning},
    }
