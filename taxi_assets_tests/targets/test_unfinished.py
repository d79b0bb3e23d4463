"""Work that broke off is gone on with: by whoever does it next, by one at a time, and not for ever."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from taxi_assets.targets.objects.scratch import (
    LEFT_ALONE,
    remove_dead,
    scratch_directory,
    unfinished_directory,
)

REPOSITORY = Path(__file__).parents[2]

_WORKER = """
import sys
from pathlib import Path
from taxi_assets.targets.objects.scratch import unfinished_directory
with unfinished_directory(Path(sys.argv[1]), "work") as directory:
    (directory / "half").write_text("of it")
    print(directory, flush=True)
    sys.stdin.read()
"""


@contextmanager
def worker(parent: Path) -> Iterator[Path]:
    """A process that has done half of the work, and is killed in the middle of it when the block ends."""
    with subprocess.Popen(
        [sys.executable, "-c", _WORKER, str(parent)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield Path(process.stdout.readline().strip())
        finally:
            process.kill()


def age(directory: Path, seconds: float) -> None:
    then = time.time() - seconds
    for path in (*directory.iterdir(), directory):
        os.utime(path, (then, then))


def fail_in(parent: Path, work: str, content: str) -> Path:
    with suppress(RuntimeError), unfinished_directory(parent, work) as directory:
        (directory / "half").write_text(content)
        raise RuntimeError
    return directory


def directories(parent: Path) -> list[Path]:
    mine = scratch_directory(parent)
    return [path for path in parent.iterdir() if path.is_dir() and path != mine]


def test_what_a_killed_process_left_is_found_by_the_next_and_gone_when_that_is_done(tmp_path: Path) -> None:
    with worker(tmp_path):
        pass
    remove_dead(tmp_path)
    with unfinished_directory(tmp_path, "work") as directory:
        assert (directory / "half").read_text() == "of it"
    assert directories(tmp_path) == []


def test_what_a_failure_left_is_found_by_the_same_work_alone(tmp_path: Path) -> None:
    fail_in(tmp_path, "work", "of it")
    with unfinished_directory(tmp_path, "other work") as directory:
        assert list(directory.iterdir()) == []
    with unfinished_directory(tmp_path, "work") as directory:
        assert (directory / "half").read_text() == "of it"


def test_a_failure_that_left_nothing_leaves_no_directory(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), unfinished_directory(tmp_path, "work"):
        raise RuntimeError
    assert directories(tmp_path) == []


def test_while_one_is_at_work_another_has_a_directory_of_its_own(tmp_path: Path) -> None:
    with worker(tmp_path) as theirs:
        with unfinished_directory(tmp_path, "work") as mine:
            assert mine != theirs
            assert list(mine.iterdir()) == []
        assert not mine.exists()
        assert (theirs / "half").read_text() == "of it"


def test_work_that_was_left_alone_for_long_is_removed_and_younger_is_not(tmp_path: Path) -> None:
    old, young = fail_in(tmp_path, "old", "a"), fail_in(tmp_path, "young", "b")
    age(old, LEFT_ALONE + 60)
    age(young, LEFT_ALONE - 60)
    remove_dead(tmp_path)
    assert directories(tmp_path) == [young]


def test_work_that_somebody_is_at_is_not_removed_however_slow_it_is(tmp_path: Path) -> None:
    with worker(tmp_path) as theirs:
        age(theirs, LEFT_ALONE + 60)
        remove_dead(tmp_path)
        assert (theirs / "half").exists()
