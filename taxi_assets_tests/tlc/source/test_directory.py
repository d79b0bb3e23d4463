"""A directory of published files as the source."""

import gzip
import hashlib
import os
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from taxi_assets.tlc.services import SERVICES
from taxi_assets.tlc.source import BadFile, NotPublished, SourceUnavailable, TruncatedFile, open_source
from taxi_assets_tests.tlc.source.conftest import GREEN, MONTH, NAME, zones

CSV = b"VendorID,lpep_pickup_datetime\r\n1,2024-01-01 00:00:00\r\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "trip-data"
    folder.mkdir()
    return folder


def test_a_file_is_copied_with_its_provenance(folder: Path, tmp_path: Path, content: bytes) -> None:
    (folder / NAME).write_bytes(content)
    os.utime(folder / NAME, ns=(1_710_943_533_123_456_789,) * 2)
    fetched = open_source(folder.as_uri()).fetch(GREEN, MONTH, tmp_path / "into")
    assert fetched is not None
    assert fetched.path == tmp_path / "into" / NAME
    assert fetched.path.read_bytes() == content
    assert fetched.facts.pop("fetched_at")
    assert fetched.facts == {
        "url": (folder / NAME).as_uri(),
        "etag": f"{len(content)}-1710943533123456789",
        "last_modified": "2024-03-20T14:05:33+00:00",
        "bytes": str(len(content)),
        "sha256": hashlib.sha256(content).hexdigest(),
        "file_name": NAME,
    }


def test_the_copy_owns_its_bytes(folder: Path, tmp_path: Path, content: bytes) -> None:
    (folder / NAME).write_bytes(content)
    fetched = open_source(str(folder)).fetch(GREEN, MONTH, tmp_path)
    assert fetched is not None
    assert fetched.path.stat().st_nlink == 1
    with (folder / NAME).open("r+b") as file:
        file.write(b"spoilt")
    assert fetched.path.read_bytes() == content


def test_size_and_time_tell_whether_a_file_is_unchanged(folder: Path, tmp_path: Path, content: bytes) -> None:
    (folder / NAME).write_bytes(content)
    source = open_source(str(folder))
    assert source.look(GREEN, MONTH).state == "new"
    first = source.fetch(GREEN, MONTH, tmp_path / "one")
    assert first is not None
    assert source.fetch(GREEN, MONTH, tmp_path / "two", known=first.facts) is None
    assert source.look(GREEN, MONTH, known=first.facts).state == "unchanged"
    assert not (tmp_path / "two").exists()
    os.utime(folder / NAME, ns=(1, 1))
    assert source.look(GREEN, MONTH, known=first.facts).state == "changed"
    assert source.fetch(GREEN, MONTH, tmp_path / "two", known=first.facts) is not None


@pytest.mark.parametrize("suffix", [".csv.gz", ".csv"])
def test_csv_is_taken_where_no_parquet_is(folder: Path, tmp_path: Path, content: bytes, suffix: str) -> None:
    name = GREEN.file_name(MONTH, suffix)
    body = gzip.compress(CSV) if suffix == ".csv.gz" else CSV
    (folder / name).write_bytes(body)
    source = open_source(str(folder))
    fetched = source.fetch(GREEN, MONTH, tmp_path)
    assert fetched is not None
    assert (fetched.path.name, fetched.path.read_bytes()) == (name, body)
    (folder / NAME).write_bytes(content)
    assert source.look(GREEN, MONTH).facts["file_name"] == NAME


GZIP = gzip.compress(CSV + os.urandom(5000).hex().encode())
BAD_FILES = {
    "empty": (NAME, b""),
    "a page": (NAME, b"<html></html>"),
    "a CSV under a Parquet name": (NAME, CSV),
    "only the magic": (NAME, b"PAR1"),
    "a gzip that is cut off": (GREEN.file_name(MONTH, ".csv.gz"), GZIP[:-1]),
    "a gzip with a wrong checksum": (GREEN.file_name(MONTH, ".csv.gz"), GZIP[:-8] + bytes(4) + GZIP[-4:]),
    "a gzip with a broken middle": (GREEN.file_name(MONTH, ".csv.gz"), GZIP[:800] + bytes(100) + GZIP[900:]),
    "a CSV that is no gzip": (GREEN.file_name(MONTH, ".csv.gz"), CSV),
    "a gzip under a CSV name": (GREEN.file_name(MONTH, ".csv"), GZIP),
    "a header without commas": (GREEN.file_name(MONTH, ".csv"), b"hello\n1,2\n"),
}


@pytest.mark.parametrize(("name", "body"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_named_and_not_copied(folder: Path, tmp_path: Path, name: str, body: bytes) -> None:
    (folder / name).write_bytes(body)
    with pytest.raises(BadFile, match=f"^{folder / name}: expected "):
        open_source(str(folder)).fetch(GREEN, MONTH, tmp_path / "into")
    assert list((tmp_path / "into").iterdir()) == []


def test_a_missing_month_says_when_it_is_expected(folder: Path, tmp_path: Path) -> None:
    source = open_source(str(folder))
    assert source.look(GREEN, MONTH).state == "unpublished"
    with pytest.raises(NotPublished, match=r"green_tripdata_2024-01: not published.*by 2024-04-16"):
        source.fetch(GREEN, MONTH, tmp_path)


def test_a_missing_directory_is_not_taken_for_unpublished_months(tmp_path: Path) -> None:
    source = open_source(str(tmp_path / "unmounted"))
    for call in (lambda: source.look(GREEN, MONTH), lambda: source.fetch_zones(tmp_path)):
        with pytest.raises(SourceUnavailable, match="unmounted: expected a directory"):
            call()


@pytest.mark.parametrize("place", ["misc", "trip-data"])
def test_zones_lie_beside_or_among_the_files(folder: Path, tmp_path: Path, place: str) -> None:
    target = tmp_path / place / "taxi_zone_lookup.csv"
    with pytest.raises(NotPublished, match="zone lookup"):
        open_source(str(folder)).fetch_zones(tmp_path / "into")
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(zones())
    assert open_source(str(folder)).fetch_zones(tmp_path / "into").path.read_bytes() == zones()


def test_a_real_truncated_download_is_refused(real_file: Callable[[str], Path], tmp_path: Path) -> None:
    folder = real_file("corrupt")
    with pytest.raises(TruncatedFile, match=r"yellow_tripdata_2024-01.*2,471,291 bytes.*cut off"):
        open_source(str(folder)).fetch(SERVICES["yellow"], MONTH, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_real_files_are_accepted(real_file: Callable[[str], Path], tmp_path: Path) -> None:
    month = open_source(str(real_file("parquet"))).fetch(GREEN, MONTH, tmp_path)
    assert month is not None
    assert pq.read_metadata(month.path).num_rows == 56_551
    course = open_source(str(real_file("csv"))).fetch(GREEN, date(2020, 10, 1), tmp_path)
    assert course is not None
    assert course.path.name == "green_tripdata_2020-10.csv.gz"
    assert open_source(str(real_file("zones"))).fetch_zones(tmp_path).facts["bytes"]


def test_a_real_file_cut_anywhere_is_refused(real_file: Callable[[str], Path], tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    folder.mkdir()
    path = folder / NAME
    shutil.copyfile(real_file("parquet") / NAME, path)
    path.chmod(0o644)
    size = path.stat().st_size
    for length in (size - 1, size - 4, size - 100, size // 2, 3, 1):
        os.truncate(path, length)
        with pytest.raises(BadFile):
            open_source(str(folder)).fetch(GREEN, MONTH, tmp_path / "into")
        assert list((tmp_path / "into").iterdir()) == []
