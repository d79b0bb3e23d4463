"""A Postgres server for a part's life, as the product embeds it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from taxi_assets.targets.embedded_postgres import EmbeddedPostgres


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        home: Its directory, by which its processes are found.
        url: Of its database.
    """

    home: Path
    url: str


@contextmanager
def postgres(directory: Path) -> Iterator[Server]:
    """A fresh server below the directory, stopped in the end."""
    server = EmbeddedPostgres(directory / "postgres")
    try:
        yield Server(server.home, server.start())
    finally:
        server.stop()
