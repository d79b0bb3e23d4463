"""A local file on its way to BigQuery: straight, or through an object on GCS that is deleted afterwards."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlsplit

from taxi_assets.targets.bigquery.load import Source
from taxi_assets.targets.target import TargetError

_CHUNK = 64 << 20  # bytes that are sent again when a connection breaks; a multiple of 256 KiB


@contextmanager
def staged(source: Source, prefix: str | None) -> Iterator[Source]:
    """``source`` where the load job finds it: as it is, or as an object under ``prefix``.

    Raises:
        TargetError: The prefix is no ``gs://bucket/…``.
    """
    if prefix is None or source.path is None:
        yield source
        return
    from google.cloud import storage

    parts = urlsplit(prefix)
    if parts.scheme != "gs" or not parts.netloc:
        raise TargetError(f"staging_uri {prefix!r} is not gs://bucket/prefix")
    name = "/".join(
        filter(None, (parts.path.strip("/"), f"{source.content[:16]}-{secrets.token_hex(4)}.parquet"))
    )
    blob = storage.Client().bucket(parts.netloc).blob(name, chunk_size=_CHUNK)
    blob.upload_from_filename(str(source.path))
    try:
        yield replace(source, path=None, uris=(f"gs://{parts.netloc}/{name}",))
    finally:
        blob.delete()
