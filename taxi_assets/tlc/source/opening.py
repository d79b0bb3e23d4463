"""From the text of ``TAXI_SOURCE_URL`` to the source that it means."""

import os
import re
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlsplit
from urllib.request import url2pathname

from taxi_assets.tlc.source.directory import DirectorySource
from taxi_assets.tlc.source.facts import redacted
from taxi_assets.tlc.source.gcs import GcsSource
from taxi_assets.tlc.source.patience import Patience
from taxi_assets.tlc.source.source import Source
from taxi_assets.tlc.source.synthetic import SyntheticSource, WriteMonth

FORMS = (
    "https://host/trip-data, a directory, file:///directory, gs://bucket/prefix, "
    "or synthetic?rows=60000&seed=1"
)


def open_source(url: str, *, patience: Patience | None = None, synthetic: WriteMonth | None = None) -> Source:
    """The source that ``url`` means. Nothing is asked of it yet.

    Args:
        url: One of ``FORMS``.
        patience: Retries and time limits; the defaults suit the TLC's CDN.
        synthetic: What makes a synthetic month, ``taxi_assets.tlc.synthetic.write_month`` if None.

    Raises:
        ValueError: The text means no source. The message quotes it without credentials.
    """
    if url == "synthetic" or url.startswith("synthetic?"):
        return _synthetic(url, synthetic)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", url) is None:
        return DirectorySource(_directory(url))
    parts = _split(url)
    if parts.scheme in {"http", "https"}:
        from taxi_assets.tlc.source.http import HttpSource

        return HttpSource(_checked(url, parts), patience)
    if parts.scheme == "gs" and parts.netloc:
        return GcsSource(parts.netloc, parts.path, patience)
    if parts.scheme == "file" and parts.netloc in {"", "localhost"}:
        return DirectorySource(Path(url2pathname(parts.path)))
    raise _not_understood(redacted(url))


def open_shelf(url: str, *, patience: Patience | None = None) -> DirectorySource | GcsSource:
    """The source that ``url`` means, one whose ``files`` can be listed: a directory or a bucket.

    Raises:
        ValueError: The text means neither.
    """
    source = open_source(url, patience=patience)
    if not isinstance(source, DirectorySource | GcsSource):
        raise _not_understood(redacted(url))
    return source


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        scheme = url.partition(":")[0]
    # Outside the handler: urlsplit's own message may quote a piece of the password.
    raise _not_understood(
        f"{scheme}://... with brackets that hold no address; write %5B and %5D in a password"
    )


def _checked(url: str, parts: SplitResult) -> str:
    # A "/", "?" or "#" in a password ends the host too early, and the password would count as public.
    if "@" in parts.path + parts.query + parts.fragment:
        raise _not_understood(f"{parts.scheme}://... with an '@' behind the host; write %40, %2F, %3F or %23")
    if not re.fullmatch(r"(\[[^\]]+\]|[^:\[\]]+)(:\d{1,5})?", parts.netloc.rpartition("@")[2]):
        raise _not_understood(redacted(url))
    return url


def _directory(text: str) -> Path:
    path = Path(text).expanduser()
    # A bare word is more likely a misspelt `synthetic` than a directory, unless one is there.
    if not text or not (os.sep in text or path.is_dir()):
        raise _not_understood(text)
    return path.absolute()


def _synthetic(url: str, write: WriteMonth | None) -> Source:
    given = dict(parse_qsl(url.partition("?")[2], keep_blank_values=True))
    if not given.keys() <= {"rows", "seed"} or not all(value.isdecimal() for value in given.values()):
        raise _not_understood(url)
    return SyntheticSource(**{name: int(value) for name, value in given.items()}, write=write)


def _not_understood(shown: str) -> ValueError:
    return ValueError(f"expected {FORMS}; found {shown!r}")
