"""What every part is asked: sizes, rounds, where to work, whether to write the page."""

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Asked:
    """The options of one run.

    Attributes:
        rows: Rows of its months.
        rounds: Turns of each side.
        full: Real sizes, not small ones.
        write: The page is to be written.
        directory: Where everything happens; removed in the end.
        data: Where published files are kept, for this part or for all.
    """

    rows: int
    rounds: int
    full: bool
    write: bool
    directory: Path
    data: Path


@contextmanager
def asked(doc: str | None, small: int, full: int, rounds: int) -> Iterator[Asked]:
    """Parse the command line; the directory in which everything happens is removed in the end."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--full", action="store_true", help=f"{full:,} rows instead of {small:,}")
    parser.add_argument("--rows", type=int, help="another number of rows")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"rounds, {rounds} unless given")
    parser.add_argument("--write", action="store_true", help="put the results into docs/performance.md")
    parser.add_argument("--work", type=Path, help="where to put gigabytes for a while, instead of TMPDIR")
    parser.add_argument("--data", type=Path, help="where published files stay, for other parts to use too")
    given = parser.parse_args()
    # As Ctrl-C: servers are stopped and gigabytes removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    directory = Path(tempfile.mkdtemp(prefix="taxi-bench-", dir=given.work))
    directory.chmod(0o755)  # an embedded server that runs as another account must get through
    try:
        rows = given.rows or (full if given.full else small)
        data = given.data or directory / "published"
        yield Asked(rows, max(1, given.rounds), given.full, given.write, directory, data)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def say(text: str) -> None:
    """Tell how far it is, beside the results."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
