"""How a file gets its name: written as ``<name>.part``, made durable, verified, and only then renamed.

A reader of the directory therefore never sees a half or a wrong file under a published name, even if
the process or the machine dies.
"""

import hashlib
import os
from pathlib import Path

from taxi_assets.tlc.source.verify import verify

BLOCK = 1 << 20


def part_of(into: Path, name: str) -> Path:
    """Where ``name`` is written before it has its name. Makes the directory ``into``."""
    into.mkdir(parents=True, exist_ok=True)
    return into / f"{name}.part"


def land(part: Path, shown: str) -> Path:
    """Verify ``part`` and give it its published name; a file that fails is deleted.

    Args:
        part: A complete ``<name>.part``.
        shown: Where it comes from, for messages; without credentials.

    Raises:
        BadFile: It is not what its name says.
    """
    final = part.with_suffix("")
    try:
        verify(part, final.name, shown)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync(part)
    part.replace(final)
    _sync(final.parent)  # the rename itself is in the directory
    return final


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
