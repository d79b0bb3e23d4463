"""Arrow rows as the bytes of a binary COPY: by column where the types allow it, or else by field."""

from collections.abc import Iterator, Mapping
from typing import Protocol

import pgpq
import pyarrow as pa
from psycopg.abc import Buffer

from taxi_assets.targets.postgres.by_column import SHAPED, ByColumn


class Encoder(Protocol):
    """Turns blocks of rows, of ``rows`` at most, into what COPY reads."""

    rows: int

    def start(self) -> bytes:
        """What comes before the rows."""
        ...

    def encode(self, block: pa.RecordBatch) -> Iterator[Buffer]:
        """The rows of a block, or those that are ready.

        Raises:
            ValueError: A value is out of Postgres' range.
        """
        ...

    def finish(self) -> bytes:
        """The last rows, and what comes after them."""
        ...


def encoder_for(columns: Mapping[str, pa.DataType]) -> Encoder:
    """The fastest encoder for columns that travel in these types; ``types.py`` tells which there are."""
    return ByColumn() if SHAPED.issuperset(columns.values()) else ByField(columns)


class ByField:
    """pgpq, for every type, numerics and arrays too. It hands out a megabyte and more at once."""

    rows = 1024
    """Keeps the lock for 0.7 ms with 4096, in which the server reads a socket's 200 kB empty and waits."""

    def __init__(self, columns: Mapping[str, pa.DataType]) -> None:
        self._encoder = pgpq.ArrowToPostgresBinaryEncoder(pa.schema(list(columns.items())))

    def start(self) -> bytes:
        """See ``Encoder.start``."""
        header: bytes = self._encoder.write_header()
        return header

    def encode(self, block: pa.RecordBatch) -> Iterator[Buffer]:
        """See ``Encoder.encode``."""
        yield self._encoder.write_batch(block)

    def finish(self) -> bytes:
        """See ``Encoder.finish``."""
        rest: bytes = self._encoder.finish()
        return rest
