"""The byte-for-byte file store, in a directory and on Cloud Storage."""

import shutil
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Barrier
from typing import Any

import pyarrow as pa
import pytest

from taxi_assets.targets.files import FileStore
from taxi_assets.targets.objects import open_objects
from taxi_assets.targets.parquet import ParquetTarget
from taxi_assets.targets.target import Facts
from taxi_assets_tests.servers.gcs import GcsServer, fake_gcs

JANUARY, FEBRUARY = date(2024, 1, 1), date(2024, 2, 1)
NAME = "raw/green_trips"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GcsServer]:
    with fake_gcs(tmp_path_factory.mktemp("servers") / "gcs") as running:
        running.create_bucket("files")
        yield running


@pytest.fixture(params=["local", "gs"])
def files(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileStore:
    if request.param == "local":
        return FileStore(url=str(tmp_path / "lake"))
    running: GcsServer = request.getfixturevalue("server")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", running.endpoint)
    return FileStore(url=f"gs://files/{uuid.uuid4().hex}")


def put(files: FileStore, month: date | None, name: str, content: bytes, **facts: str) -> None:
    file = files.scratch() / name
    file.write_bytes(content)
    files.put(NAME, month, file, facts)
    assert not file.exists()


def content(files: FileStore, month: date | None) -> bytes:
    with files.open(NAME, month) as path:
        return path.read_bytes()


def test_a_file_comes_back_byte_for_byte_under_its_own_name(files: FileStore) -> None:
    put(
        files,
        JANUARY,
        "green_tripdata_2024-01.parquet",
        bytes(range(256)) * 100,
        version="etag",
        sha256="abc",
    )
    assert content(files, JANUARY) == bytes(range(256)) * 100
    with files.open(NAME, JANUARY) as path:
        assert path.name == "green_tripdata_2024-01.parquet"
    assert files.facts(NAME, JANUARY) == {
        "version": "etag",
        "sha256": "abc",
        "file": "green_tripdata_2024-01.parquet",
        "bytes": "25600",
    }
    assert files.uri(NAME, JANUARY).endswith(f"/{NAME}/trip_month=2024-01-01/green_tripdata_2024-01.parquet")


def test_a_republished_file_replaces_the_old_one_also_under_another_suffix(files: FileStore) -> None:
    put(files, JANUARY, "green.csv.gz", b"old", version="1")
    put(files, JANUARY, "green.csv.gz", b"newer", version="2")
    put(files, JANUARY, "green.parquet", b"newest", version="3")
    assert content(files, JANUARY) == b"newest"
    assert {month: facts["version"] for month, facts in files.partitions(NAME).items()} == {JANUARY: "3"}
    with files.open(NAME, JANUARY) as path:
        assert path.suffix == ".parquet"


def test_of_two_files_that_a_crash_left_the_newer_counts(files: FileStore) -> None:
    put(files, JANUARY, "b.csv", b"old")
    put(files, JANUARY, "a.csv", b"new")
    # As after a crash between the put of a new name and the deletion of the old one.
    late = files.scratch() / "late"
    late.write_bytes(b"newest")
    files._objects().put(late, f"{NAME}/trip_month=2024-01-01/0.csv", {"version": "9"})
    assert content(files, JANUARY) == b"newest"
    assert files.partitions(NAME)[JANUARY]["version"] == "9"


class Held:
    """The real object store, in whose puts something happens right after the object is there."""

    def __init__(self, url: str, after: Callable[[], object]) -> None:
        self._real, self._after = open_objects(url), after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def put(self, local: Path, key: str, facts: Facts | None) -> None:
        self._real.put(local, key, facts)
        self._after()


def hold(patch: pytest.MonkeyPatch, after: Callable[[], object]) -> None:
    patch.setattr(FileStore, "_objects", lambda self: Held(self.url, after))


def test_two_puts_at_once_under_different_names_leave_one_that_counts(
    files: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(files, JANUARY, "older.csv", b"older")
    both_put = Barrier(2, timeout=20)  # neither has removed anything before the other's object is there too
    names = ("green.csv.gz", "green.parquet")
    with monkeypatch.context() as patch, ThreadPoolExecutor(2) as writers:
        hold(patch, both_put.wait)
        for done in [writers.submit(put, files, JANUARY, name, name.encode()) for name in names]:
            done.result()
    assert content(files, JANUARY) in {name.encode() for name in names}
    put(files, JANUARY, "last.parquet", b"last")
    assert [info.key.rpartition("/")[2] for info in files._objects().list(NAME)] == ["last.parquet"]


def test_a_file_that_was_put_anew_meanwhile_is_not_taken_for_the_old_one(
    files: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(files, JANUARY, "green.csv.gz", b"old", version="1")
    with monkeypatch.context() as patch, ThreadPoolExecutor(1) as other:
        real = FileStore._objects

        def put_anew() -> None:
            patch.setattr(FileStore, "_objects", real)
            other.submit(put, files, JANUARY, "green.csv.gz", b"anew", version="2").result()

        hold(patch, put_anew)
        put(files, JANUARY, "green.parquet", b"parquet", version="3")
    assert content(files, JANUARY) == b"anew"
    assert (files.facts(NAME, JANUARY) or {})["version"] == "2"


def test_partitions_are_told_oldest_first_with_their_facts(files: FileStore) -> None:
    assert files.partitions(NAME) == {}
    assert files.facts(NAME, JANUARY) is None
    put(files, FEBRUARY, "f", b"12", version="2")
    put(files, JANUARY, "j", b"1", version="1")
    found = files.partitions(NAME)
    assert list(found) == [JANUARY, FEBRUARY]
    assert found[FEBRUARY] == {"version": "2", "file": "f", "bytes": "2"}


def test_a_name_without_partitions_holds_one_file(files: FileStore) -> None:
    put(files, None, "zones.csv", b"1,2,3", version="1")
    put(files, None, "zones.csv", b"4,5,6", version="2")
    assert content(files, None) == b"4,5,6"
    assert files.partitions(NAME) == {None: {"version": "2", "file": "zones.csv", "bytes": "5"}}


def test_opening_what_is_not_there_says_what_is(files: FileStore) -> None:
    put(files, JANUARY, "j", b"1")
    with pytest.raises(FileNotFoundError, match=r"2024-02-01.*there is: 2024-01-01"):
        files.open(NAME, FEBRUARY)


def test_a_name_that_would_be_hidden_or_lead_out_is_refused(files: FileStore) -> None:
    file = files.scratch() / ".hidden"
    file.write_bytes(b"")
    with pytest.raises(ValueError, match="hidden"):
        files.put(NAME, JANUARY, file)
    with pytest.raises(ValueError, match=r"not a path below the root|hidden"):
        files.put("../raw", JANUARY, file)
    assert file.exists()


@pytest.mark.parametrize(
    "stray",
    ["trip_month=2024-01-01.bak", "trip_month=2024-13-01", "trip_month=2024-01-01 (copy)", "trip_month="],
)
def test_a_folder_that_is_no_partition_is_nobodys_business(tmp_path: Path, stray: str) -> None:
    files, rows = FileStore(url=str(tmp_path)), ParquetTarget(url=str(tmp_path))
    rows.replace("cleaned/trips", date(2024, 1, 1), pa.table({"fare": [1.0]}).to_reader())
    (tmp_path / "cleaned" / "trips" / stray).mkdir()
    whole = tmp_path / "cleaned" / "trips" / "trip_month=2024-01-01" / "trips.parquet"
    shutil.copy(whole, tmp_path / "cleaned" / "trips" / stray / "trips.parquet")
    assert list(rows.partitions("cleaned/trips")) == [date(2024, 1, 1)]
    assert list(files.partitions("cleaned/trips")) == [date(2024, 1, 1)]
