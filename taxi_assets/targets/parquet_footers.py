"""What Parquet files say of themselves, read once per version of a file and process.

Every operation on a table must know the columns of all its months: a column that only a later one has
reads as null in the others, and a type that differs is refused. Opened anew each time, filling
200 months opened 39,800 files. So footers are kept by the file's address and version, which stand for its
content, and schemas by their fingerprint, which also stands beside a remote object and in a manifest:
months with one fingerprint need one open file between them, in a process that has seen none of them.
"""

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import BinaryIO, Generic, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from taxi_assets.targets.arrow_schema import plain_schema
from taxi_assets.targets.objects import ObjectInfo, ObjectStore
from taxi_assets.targets.target import Facts

ROWS, FACTS, SCHEMA = "rows", "facts", "schema"
"""Names of what is written beside a partition: in the footer, the object's metadata, the manifest."""

FOOTERS_KEPT, SCHEMAS_KEPT, MANIFESTS_KEPT = 20_000, 1_000, 2_000
"""A footer takes 2 KB, most of it facts; 20,000 are 100 tables of 200 months."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True)
class Footer:
    """What one file says: its rows by count, the facts written with them, its columns' fingerprint."""

    rows: int
    facts: Facts
    fingerprint: str


class Bounded(Generic[K, V]):
    """The ``most`` values that were used last; safe between threads."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._values: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The value, or None if it isn't kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: K, value: V) -> None:
        """Keep the value, in the place of the one longest unused."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            if len(self._values) > self._most:
                self._values.popitem(last=False)


_footers: Bounded[tuple[str, str], Footer] = Bounded(FOOTERS_KEPT)
_schemas: Bounded[str, pa.Schema] = Bounded(SCHEMAS_KEPT)


def footer_of(objects: ObjectStore, info: ObjectInfo) -> Footer:
    """The footer of exactly the version that ``info`` was told of.

    Raises:
        FileNotFoundError: That version has been replaced or deleted.
    """
    address = (objects.uri(info.key), info.version)
    known = _footers.get(address)
    if known is None:
        with objects.open_found(info) as file:
            known, _ = parse(file)
        _footers.put(address, known)
    return known


def schema_of(objects: ObjectStore, info: ObjectInfo, fingerprint: str) -> pa.Schema:
    """The plain schema that ``fingerprint`` stands for; ``info`` is opened if no file told of it before.

    Raises:
        FileNotFoundError: The file had to be opened, and has been replaced or deleted.
    """
    known = _schemas.get(fingerprint)
    if known is None:
        with objects.open_found(info) as file:
            _, known = parse(file)
        _schemas.put(fingerprint, known)  # another pyarrow may have computed another fingerprint
    return known


def parse(file: BinaryIO) -> tuple[Footer, pa.Schema]:
    """Footer and plain schema of an open file; the schema is known from now on.

    Facts count only beside the rows that they were written with: whoever reads a file with pyarrow and
    writes some of its rows copies the facts, unknowingly.
    """
    metadata = pq.read_metadata(file)
    schema = plain_schema(metadata.schema.to_arrow_schema())
    fingerprint = hashlib.sha256(schema.serialize()).hexdigest()[:32]
    _schemas.put(fingerprint, schema)
    written = metadata.metadata or {}
    believed = written.get(ROWS.encode()) == str(metadata.num_rows).encode()
    facts = json.loads(written.get(FACTS.encode(), b"{}")) if believed else {}
    return Footer(metadata.num_rows, facts, fingerprint), schema
