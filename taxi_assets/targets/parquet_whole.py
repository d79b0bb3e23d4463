"""A partition that is one object: where it is written, how it is published, and how objects are offered."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from urllib.parse import quote

from taxi_assets.targets.objects import ObjectStore
from taxi_assets.targets.parquet_footers import SCHEMA, parse
from taxi_assets.targets.parquet_layout import Layout, Snapshot
from taxi_assets.targets.target import Objects

_BESIDE_BYTES = 2048
"""Of facts beside a remote object, where a look at it finds them. Cloud Storage keeps 8 KB, its emulator less
than 4; what is longer is read from the footer, by one request more."""


def new_file(layout: Layout) -> Path:
    """Where a file on its way in is written."""
    return layout.objects.scratch() / f"{uuid.uuid4().hex}.parquet"


def publish_whole(layout: Layout, partition: date | None, path: Path, metadata: dict[str, str]) -> int:
    """Make the file the partition, in one step; its bytes. It is gone afterwards, also if that fails."""
    try:
        with path.open("rb") as file:
            footer, _ = parse(file)
        beside = {**metadata, SCHEMA: footer.fingerprint} if layout.objects.remote else {}
        if sum(len(value.encode()) for value in beside.values()) > _BESIDE_BYTES:
            beside = {}
        size = path.stat().st_size
        earlier = [info.key for info in layout.parts(partition) if info.key != layout.whole(partition)]
        layout.objects.put(path, layout.whole(partition), beside)
    finally:
        path.unlink(missing_ok=True)
    # A month that was cut by day before: its manifest goes before the whole object until it is gone.
    for key in [layout.manifest(partition), *earlier] if earlier else []:
        layout.objects.delete(key)
    return size


def offer(layout: Layout, snapshot: Snapshot) -> Objects:
    """A version of a partition, to be loaded by another store."""
    objects, first = layout.objects, snapshot.parts[0]

    @contextmanager
    def files() -> Iterator[list[Path]]:
        with ExitStack() as stack:
            yield [stack.enter_context(objects.found_path(part)) for part in snapshot.parts]

    return Objects(
        uris=tuple(_address(objects, key) for key in snapshot.keys),
        root=_address(objects, layout.table),
        schema=layout.schema(snapshot),
        rows=snapshot.rows,
        facts=snapshot.facts,
        files=files,
        first=lambda: objects.open_found(first),
    )


def _address(objects: ObjectStore, key: str) -> str:
    """Of an object or folder. A path says by its scheme that it is one of this machine."""
    found = objects.uri(key)
    return found if objects.remote else f"file://{quote(str(Path(found).absolute()), safe='/=')}"
