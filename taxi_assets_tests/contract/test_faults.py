"""The disk is full, the server restarts, the connection breaks: a load ends well or leaves the old month.

What fails so passes: the error is none that says that a retry can't help, and the same load succeeds once
the cause is gone, with nothing left over.
"""

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pytest
from google.cloud.storage.retry import DEFAULT_RETRY  # type: ignore[import-untyped]

from taxi_assets.targets.objects import gcs
from taxi_assets.targets.target import Target, TargetError
from taxi_assets_tests.contract.disks import SmallDisk, small_disk
from taxi_assets_tests.contract.faulty_servers import FaultyServers
from taxi_assets_tests.contract.rows import JANUARY, TABLE, bag, held, trips
from taxi_assets_tests.contract.targets import TARGETS, Servers, left_over

OLD = trips(500, 1, days=4)
NEW = trips(12_000, 2, days=4)
"""150 KB as Parquet, 1 MB in Postgres. Few, as the emulator of BigQuery reads 10,000 rows a second."""

ROOM = 64 << 10
"""Bytes left on a full disk: enough to look at what stands, too few for the new month."""

NO_SPACE = r"(?i)no space left on device"
ANSWERED_500 = "status code', 500"
"""What a full disk of the test server looks like: Cloud Storage has none, so it has no error for it."""

FRACTIONS = (0.6,)
MORE_FRACTIONS = tuple(step / 25 for step in range(25))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as mounted:
        yield mounted


@pytest.fixture
def faulty(target_name: str, tmp_path: Path) -> Iterator[tuple[Target, FaultyServers]]:
    """A target whose server is its own."""
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, tmp_path / "servers", ignore_errors=True)  # 70 MB of Postgres
        servers = FaultyServers(tmp_path / "servers", stack)
        yield TARGETS[target_name](servers, tmp_path), servers


@pytest.mark.needs("full disk")
def test_a_full_disk_keeps_the_old_month_and_is_over_when_there_is_room(
    target_name: str, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The client can't tell it from overload, and would try for 120 s.
    monkeypatch.setattr(gcs, "DEFAULT_RETRY", DEFAULT_RETRY.with_timeout(1))
    with ExitStack() as stack:
        target = TARGETS[target_name](Servers(disk.directory, stack), disk.directory)
        _fails_for_lack_of_room(target, disk)


def test_full_temporary_space_fails_no_more_than_the_load(
    target: Target, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    _load(target, OLD)
    monkeypatch.setattr(tempfile, "tempdir", str(disk.directory))
    disk.fill(ROOM)
    error = _error(target, NEW)
    disk.relieve()
    if error is not None:  # else this store needs no temporary space
        assert re.search(NO_SPACE, str(error))
        _stands(target, OLD)
    _succeeds(target, NEW)


def _fails_for_lack_of_room(target: Target, disk: SmallDisk) -> None:
    _load(target, OLD)
    disk.fill(ROOM)
    cause = ANSWERED_500 if "gs://" in target.uri(TABLE) else NO_SPACE
    with pytest.raises(Exception, match=cause) as found:
        _load(target, NEW)
    assert not isinstance(found.value, TargetError), "a full disk can be freed: not for good"
    _stands(target, OLD)
    disk.relieve()
    if cause == NO_SPACE:  # on gs:// the next load deletes what this one put and could not delete
        assert left_over(target, TABLE) == []
    _succeeds(target, NEW)


@pytest.mark.slow
@pytest.mark.needs("server")
def test_a_server_that_restarts_between_two_batches_leaves_a_whole_month(
    faulty: tuple[Target, FaultyServers],
) -> None:
    target, servers = faulty
    _load(target, OLD)
    error = _error(target, _interrupted(NEW, servers.restart))
    _ends_well_or_in_passing(target, error)


@pytest.mark.needs("server")
def test_a_server_that_restarts_while_it_is_sent_rows_leaves_a_whole_month(
    faulty: tuple[Target, FaultyServers],
) -> None:
    target, servers = faulty
    moved, _ = _traffic_of_a_load(target, servers)
    _load(target, OLD)
    servers.proxy.after(servers.restart, moved=moved // 2)
    error = _error(target, NEW.to_reader(1000))
    assert servers.proxy.happened(), "the server was not restarted in mid-load"
    _ends_well_or_in_passing(target, error)


@pytest.mark.slow
@pytest.mark.needs("server")
def test_a_server_that_restarts_under_a_reader_gives_whole_rows_or_an_error(
    faulty: tuple[Target, FaultyServers],
) -> None:
    target, servers = faulty
    _load(target, NEW)
    before = servers.proxy.moved
    assert held(target) == bag(NEW)
    servers.proxy.after(servers.restart, moved=(servers.proxy.moved - before) // 2)
    try:
        found = held(target)
    except Exception as error:
        assert not isinstance(error, TargetError)  # noqa: PT017
    else:
        assert found == bag(NEW)
    assert servers.proxy.happened()
    _stands(target, NEW)


@pytest.mark.needs("server")
@pytest.mark.parametrize("fractions", [FRACTIONS, pytest.param(MORE_FRACTIONS, marks=pytest.mark.slow)])
def test_a_connection_cut_anywhere_leaves_the_old_month_or_the_new_one(
    faulty: tuple[Target, FaultyServers], fractions: tuple[float, ...]
) -> None:
    target, servers = faulty
    _, pieces = _traffic_of_a_load(target, servers)
    for fraction in fractions:
        _load(target, OLD)
        servers.proxy.after(servers.proxy.cut, pieces=round(pieces * fraction))
        error = _error(target, NEW.to_reader(1000))
        assert servers.proxy.happened() or fraction > 0.8, "the connection was not cut in mid-load"
        _ends_well_or_in_passing(target, error)


def _load(target: Target, rows: pa.Table | pa.RecordBatchReader) -> None:
    stream = rows.to_reader(1000) if isinstance(rows, pa.Table) else rows
    version = "old" if rows is OLD else "new"
    target.replace(TABLE, JANUARY, stream, {"version": version})


def _error(target: Target, rows: pa.Table | pa.RecordBatchReader) -> Exception | None:
    try:
        _load(target, rows)
    except Exception as error:
        return error
    return None


def _stands(target: Target, rows: pa.Table) -> None:
    """The month is exactly these rows, and its facts are theirs."""
    assert held(target) == bag(rows)
    found = target.held(TABLE, JANUARY)
    assert found is not None
    assert (found.rows, found.version) == (rows.num_rows, "old" if rows is OLD else "new")


def _ends_well_or_in_passing(target: Target, error: Exception | None) -> None:
    """Whatever came of loading the new month, one whole month stands, and loading again succeeds."""
    assert not isinstance(error, TargetError), "it passes: a retry helps"
    found = target.held(TABLE, JANUARY)
    assert found is not None
    assert error is not None or found.version == "new"
    # After an error the new month may stand: the answer was lost, not the work.
    _stands(target, NEW if found.version == "new" else OLD)
    _succeeds(target, NEW)


def _succeeds(target: Target, rows: pa.Table) -> None:
    _load(target, rows)
    _stands(target, rows)
    assert left_over(target, TABLE) == []


def _traffic_of_a_load(target: Target, servers: FaultyServers) -> tuple[int, int]:
    """Bytes, and pieces, that an undisturbed replacement of the old month by the new moves."""
    _load(target, OLD)
    moved, pieces = servers.proxy.moved, servers.proxy.pieces
    _load(target, NEW)
    return servers.proxy.moved - moved, servers.proxy.pieces - pieces


def _interrupted(rows: pa.Table, act: Callable[[], None]) -> pa.RecordBatchReader:
    def batches() -> Iterator[pa.RecordBatch]:
        for number, batch in enumerate(rows.to_batches(max_chunksize=1000)):
            if number == 6:
                act()
            yield batch

    return pa.RecordBatchReader.from_batches(rows.schema, batches())
