"""How many files an operation on one month opens in a table of many, and what it knows without them."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taxi_assets.targets import parquet_footers, parquet_layout
from taxi_assets.targets.objects.gcs import GcsObjects
from taxi_assets.targets.objects.local import LocalObjects
from taxi_assets.targets.parquet import ParquetTarget
from taxi_assets.targets.parquet_footers import Bounded
from taxi_assets.targets.target import TargetError
from taxi_assets_tests.servers.gcs import fake_gcs

MONTHS = [date(2020 + n // 12, n % 12 + 1, 1) for n in range(30)]
TABLE = "trips"
OPERATIONS: dict[str, Callable[[ParquetTarget], object]] = {
    "replace": lambda target: target.replace(TABLE, MONTHS[7], rows(4)),
    "read": lambda target: target.read(TABLE, [MONTHS[7]]).read_all(),
    "totals": lambda target: target.totals(TABLE, MONTHS[7], ["n"]),
    "partitions": lambda target: target.partitions(TABLE),
    "held": lambda target: target.held(TABLE, MONTHS[7]),
    "a column that another month has": lambda target: target.read(TABLE, [MONTHS[0]], ["new"]).read_all(),
}


def rows(count: int, **more: Any) -> pa.RecordBatchReader:
    day = pa.array([date(2020, 1, 1)] * count, pa.date32())
    return pa.table({"n": pa.array(range(count)), "day": day, **more}).to_reader()


def fill(target: ParquetTarget) -> None:
    for month in MONTHS[:-1]:
        target.replace(TABLE, month, rows(3), {"version": "1"})
    target.replace(TABLE, MONTHS[-1], rows(3, new=["a", "b", "c"]), {"version": "1"})


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a new process is: it knows nothing."""
    monkeypatch.setattr(parquet_footers, "_footers", Bounded(1000))
    monkeypatch.setattr(parquet_footers, "_schemas", Bounded(1000))
    monkeypatch.setattr(parquet_layout, "_manifests", Bounded(1000))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every opening of an object from now on, by key."""
    log: list[str] = []

    def count(store: type, name: str) -> None:
        original = getattr(store, name)

        def counted(self: object, of: Any) -> Any:
            log.append(getattr(of, "key", of))
            return original(self, of)

        monkeypatch.setattr(store, name, counted)

    for store in (LocalObjects, GcsObjects):
        for name in ("open_input", "open_found", "local_path"):
            count(store, name)
    return log


@pytest.mark.parametrize("by_day", [None, "day"])
def test_filling_and_using_a_table_opens_a_few_files_each_time_however_many_months_it_has(
    tmp_path: Path, opened: list[str], by_day: str | None
) -> None:
    target = ParquetTarget(url=str(tmp_path), partition_by_day=by_day)
    fill(target)
    assert len(opened) <= 3 * len(MONTHS)
    for name, operation in OPERATIONS.items():
        for _ in range(2):
            opened.clear()
            operation(target)
            assert len(opened) <= 3, name


@pytest.mark.parametrize("by_day", [None, "day"])
@pytest.mark.parametrize("name", list(OPERATIONS))
def test_a_new_process_opens_each_month_once(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch, name: str, by_day: str | None
) -> None:
    target = ParquetTarget(url=str(tmp_path), partition_by_day=by_day)
    fill(target)
    forget(monkeypatch)
    opened.clear()
    OPERATIONS[name](target)
    assert len(opened) <= len(MONTHS) + 4


def test_a_new_process_opens_one_remote_file_for_all_months_of_the_same_columns(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_gcs(tmp_path / "gcs") as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.endpoint)
        server.create_bucket("lake-bucket")
        target = ParquetTarget(url="gs://lake-bucket/lake")
        fill(target)
        for name, operation in OPERATIONS.items():
            forget(monkeypatch)
            opened.clear()
            operation(target)
            assert len(opened) <= 3, name  # one for each of two schemas, and the rows
        found = target.read(TABLE).read_all()["new"]
        assert found.drop_null().to_pylist() == ["a", "b", "c"]


def test_remote_objects_that_say_nothing_of_their_columns_are_opened(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_gcs(tmp_path / "gcs") as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.endpoint)
        server.create_bucket("lake-bucket")
        target = ParquetTarget(url="gs://lake-bucket/lake")
        target.replace(TABLE, MONTHS[0], rows(3, old=[1, 2, 3]))
        objects = target.layout(TABLE).objects
        (info,) = objects.list(TABLE)
        with objects.local_path(info.key) as copy:
            objects.put(copy.rename(tmp_path / "copy"), info.key)
        target.replace(TABLE, MONTHS[1], rows(2))
        assert target.read(TABLE).read_all()["old"].to_pylist() == [1, 2, 3, None, None]


@pytest.mark.parametrize("known", [True, False])
def test_a_type_that_another_month_does_not_have_is_refused_naming_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, known: bool
) -> None:
    target = ParquetTarget(url=str(tmp_path))
    fill(target)
    if not known:
        forget(monkeypatch)
    with pytest.raises(TargetError, match=f"new is int64 in {MONTHS[3]}, but string in {MONTHS[-1]}"):
        target.replace(TABLE, MONTHS[3], rows(3, new=[1, 2, 3]))


def test_a_file_put_into_a_months_place_is_seen_at_once(tmp_path: Path) -> None:
    target = ParquetTarget(url=str(tmp_path))
    fill(target)
    pq.write_table(pa.table({"n": [1], "other": [2.5]}), target.uri(TABLE, MONTHS[0]))
    assert target.partitions(TABLE)[MONTHS[0]].rows == 1
    assert target.read(TABLE, [MONTHS[0]], ["n", "other"]).read_all().to_pylist() == [{"n": 1, "other": 2.5}]


@pytest.mark.parametrize("by_day", [None, "day"])
def test_facts_are_not_believed_beside_other_rows_than_they_were_written_with(
    tmp_path: Path, by_day: str | None
) -> None:
    target = ParquetTarget(url=str(tmp_path), partition_by_day=by_day)
    target.replace(TABLE, MONTHS[0], rows(1000), {"version": "1"})
    assert target.partitions(TABLE)[MONTHS[0]].version == "1"
    (file,) = (tmp_path / TABLE).rglob("*.parquet")
    pq.write_table(pq.ParquetFile(file).read().slice(500), file)  # pyarrow copies our facts with the schema
    for held in (target.held(TABLE, MONTHS[0]), target.partitions(TABLE)[MONTHS[0]]):
        assert held is not None
        assert (held.rows, dict(held.facts)) == (500, {})
    assert target.replace(TABLE, MONTHS[0], rows(3), {"version": "1"}).replaced_rows == 500
    assert target.partitions(TABLE)[MONTHS[0]].version == "1"


def test_a_month_that_lost_one_of_its_days_is_not_current_and_can_be_replaced(tmp_path: Path) -> None:
    target = ParquetTarget(url=str(tmp_path), partition_by_day="day")
    days = pa.array([date(2020, 1, day) for day in (1, 2, 3)])
    table = pa.table({"n": [1, 2, 3], "day": days})
    target.replace(TABLE, MONTHS[0], table.to_reader(), {"version": "1"})
    min((tmp_path / TABLE).rglob("*.parquet")).unlink()
    assert target.partitions(TABLE)[MONTHS[0]].version is None
    with pytest.raises(TargetError, match="not there"):
        target.read(TABLE).read_all()
    target.replace(TABLE, MONTHS[0], table.to_reader(), {"version": "1"})
    assert target.read(TABLE).read_all().num_rows == 3


def test_a_copied_table_is_known_by_its_own_files(tmp_path: Path) -> None:
    target = ParquetTarget(url=str(tmp_path))
    fill(target)
    shutil.copytree(tmp_path / TABLE, tmp_path / "copied" / TABLE)
    copied = target.partitions(f"copied/{TABLE}")
    assert {held.version for held in copied.values()} == {"1"}
    assert list(copied) == MONTHS
