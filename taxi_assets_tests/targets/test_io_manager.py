"""The IO manager of targets: whatever exports an Arrow stream goes in, month by month, whole or not."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from dagster import (
    AssetKey,
    AssetsDefinition,
    DagsterEventType,
    DagsterInstance,
    ExecuteInProcessResult,
    MonthlyPartitionsDefinition,
    RetryPolicy,
    asset,
    materialize,
)

from taxi_assets.targets.io_manager import TargetIOManager
from taxi_assets.targets.lazy import ArrowStream, LazyPartition, LazyPartitions
from taxi_assets.targets.parquet import ParquetTarget

MONTHS = MonthlyPartitionsDefinition(start_date="2024-01", fmt="%Y-%m", end_offset=1)
JANUARY = date(2024, 1, 1)
ROWS = pa.table({"n": pa.array([1, 2, None], pa.int64()), "text": ["a", None, "N/A"]})
_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


@pytest.fixture
def target(tmp_path: Path) -> ParquetTarget:
    return ParquetTarget(url=str(tmp_path / "lake"))


def _run(
    target: ParquetTarget,
    definition: AssetsDefinition,
    first: str | None = None,
    last: str | None = None,
    **options: Any,
) -> ExecuteInProcessResult:
    return materialize(
        [definition],
        resources={"io": TargetIOManager(target=target, **options)},
        partition_key=None if last else first,
        tags={_RANGE[0]: str(first), _RANGE[1]: last} if last else None,
        raise_on_error=False,
    )


def _returning(value: Callable[[], object]) -> AssetsDefinition:
    @asset(name="made", io_manager_key="io", partitions_def=MONTHS)
    def made():  # type: ignore[no-untyped-def]
        return value()

    return made


def _held(target: ParquetTarget, month: date | None = JANUARY) -> list[dict[str, object]]:
    found = target.read("made", None if month is None else [month], ["n", "text"]).read_all()
    return found.to_pylist()  # type: ignore[no-any-return]


def _description(result: ExecuteInProcessResult) -> str:
    (failed,) = [event for event in result.all_events if event.event_type == DagsterEventType.STEP_FAILURE]
    failure = failed.step_failure_data.user_failure_data
    assert failure is not None, "a Failure says what to do; other exceptions may pass"
    return str(failure.description)


@contextmanager
def _opened() -> Iterator[pa.Table]:
    yield ROWS


@pytest.mark.parametrize(
    "value",
    [
        lambda: ROWS,
        lambda: ROWS.to_reader(max_chunksize=1),
        lambda: ROWS.to_batches()[0],
        lambda: pd.DataFrame({"n": pd.array([1, 2, None], dtype="Int64"), "text": ["a", None, "N/A"]}),
        lambda: pl.from_arrow(ROWS),
        lambda: duckdb.connect().from_arrow(ROWS),
        lambda: LazyPartition(open=_opened),
        lambda: {"2024-01": LazyPartition(open=_opened)},
    ],
    ids=[
        "Table",
        "RecordBatchReader",
        "RecordBatch",
        "pandas",
        "polars",
        "duckdb",
        "LazyPartition",
        "mapping",
    ],
)
def test_anything_with_an_arrow_stream_can_be_stored(
    target: ParquetTarget, value: Callable[[], object]
) -> None:
    assert _run(target, _returning(value), "2024-01").success
    assert _held(target) == ROWS.to_pylist()


def test_an_asset_without_partitions_is_stored_whole(target: ParquetTarget) -> None:
    @asset(io_manager_key="io")
    def made() -> pa.Table:
        return ROWS

    for _ in range(2):
        result = _run(target, made)
        assert result.success
    assert _held(target, None) == ROWS.to_pylist()
    (told,) = result.asset_materializations_for_node("made")
    assert told.metadata["dagster/row_count"].value == 3
    assert told.metadata["status"].value == "replaced"


def test_nothing_that_is_returned_stores_nothing(target: ParquetTarget) -> None:
    assert _run(target, _returning(lambda: None), "2024-01").success
    assert target.partitions("made") == {}


@pytest.mark.parametrize("wrong", [[1, 2, 3], "text", 7, {"2024-01": 5}])
def test_what_is_no_stream_is_refused_with_what_would_be_one(target: ParquetTarget, wrong: object) -> None:
    text = _description(_run(target, _returning(lambda: wrong), "2024-01"))
    assert "made returned" in text
    assert "anything with an Arrow stream" in text
    assert "pandas, Polars, DuckDB" in text


def test_one_value_for_many_months_is_refused(target: ParquetTarget) -> None:
    text = _description(_run(target, _returning(lambda: ROWS), "2024-01", "2024-03"))
    assert "a mapping of partition key to LazyPartition" in text
    assert target.partitions("made") == {}


def test_months_are_opened_one_after_the_other_and_closed_before_the_next(target: ParquetTarget) -> None:
    events: list[str] = []

    def make(key: str) -> LazyPartition:
        @contextmanager
        def opened() -> Iterator[pa.Table]:
            events.append(f"open {key}")
            yield ROWS
            events.append(f"close {key}")

        return LazyPartition(open=opened, metadata=lambda: {"month": key})

    keys = ["2024-01", "2024-02", "2024-03"]
    result = _run(target, _returning(lambda: LazyPartitions(keys, make)), keys[0], keys[-1])
    assert result.success
    assert events == [f"{word} {key}" for key in keys for word in ("open", "close")]
    told = {
        one.partition: one.metadata["month"].value for one in result.asset_materializations_for_node("made")
    }
    assert told == {key: key for key in keys}


class BrokenError(Exception):
    """What only the producer of these tests raises."""


def _breaking(failing: str = "2024-01") -> Mapping[str, LazyPartition]:
    def batches() -> Iterator[pa.RecordBatch]:
        yield ROWS.to_batches()[0]
        raise BrokenError("the source went away")

    def make(key: str) -> LazyPartition:
        @contextmanager
        def opened() -> Iterator[ArrowStream]:
            yield pa.RecordBatchReader.from_batches(ROWS.schema, batches()) if key == failing else ROWS

        return LazyPartition(open=opened)

    return LazyPartitions(["2024-01", "2024-02", "2024-03"], make)


def test_a_producer_that_fails_midway_leaves_the_old_rows_and_its_own_exception(
    target: ParquetTarget,
) -> None:
    assert _run(target, _returning(lambda: ROWS), "2024-01").success
    result = _run(target, _returning(_breaking), "2024-01")
    assert not result.success
    (failed,) = [event for event in result.all_events if event.event_type == DagsterEventType.STEP_FAILURE]
    assert "BrokenError: the source went away" in str(failed.step_failure_data.error_display_string)
    assert _held(target) == ROWS.to_pylist()


def test_a_failure_in_the_second_of_three_months_keeps_the_first_and_its_record(
    target: ParquetTarget,
) -> None:
    with DagsterInstance.ephemeral() as instance:
        result = materialize(
            [_returning(lambda: _breaking("2024-02"))],
            resources={"io": TargetIOManager(target=target)},
            tags=dict(zip(_RANGE, ("2024-01", "2024-03"), strict=True)),
            instance=instance,
            raise_on_error=False,
        )
        assert not result.success
        assert instance.get_materialized_partitions(AssetKey("made")) == {"2024-01"}
    assert list(target.partitions("made")) == [JANUARY]


def test_rows_that_name_another_month_are_refused(target: ParquetTarget) -> None:
    months = pa.array([JANUARY, JANUARY, date(2024, 2, 1)], pa.date32())
    text = _description(_run(target, _returning(lambda: ROWS.append_column("trip_month", months)), "2024-01"))
    assert "rows for the partition 2024-01-01 say trip_month = 2024-01-01, 2024-02-01" in text
    assert target.partitions("made") == {}


def test_the_month_column_of_what_was_read_from_a_target_is_taken_out(target: ParquetTarget) -> None:
    months = pa.array([JANUARY] * 3, pa.date32())
    assert _run(target, _returning(lambda: ROWS.append_column("trip_month", months)), "2024-01").success
    assert _held(target) == ROWS.to_pylist()


def test_a_column_of_another_type_is_refused_and_not_tried_again(target: ParquetTarget) -> None:
    assert _run(target, _returning(lambda: ROWS), "2024-01").success
    other = pa.table({"n": ["text"], "text": ["a"]})
    assert "n" in _description(_run(target, _returning(lambda: other), "2024-02"))
    assert list(target.partitions("made")) == [JANUARY]


def _versioned(version: str, rows: int | None = None) -> AssetsDefinition:
    return _returning(lambda: LazyPartition(open=_opened, facts={"version": version}, rows=rows))


def _status(result: ExecuteInProcessResult) -> object:
    assert result.success
    (told,) = result.asset_materializations_for_node("made")
    assert told.metadata["dagster/partition_row_count"].value == 3
    return told.metadata["status"].value


def test_a_month_whose_version_stands_is_passed_over_unless_told_otherwise(target: ParquetTarget) -> None:
    assert _status(_run(target, _versioned("1"), "2024-01")) == "stored"
    assert _status(_run(target, _versioned("1", rows=3), "2024-01")) == "already current"
    assert _status(_run(target, _versioned("1", rows=4), "2024-01")) == "replaced"
    assert _status(_run(target, _versioned("2"), "2024-01")) == "replaced"
    assert _status(_run(target, _versioned("2"), "2024-01", pass_over_current=False)) == "replaced"


def test_a_step_that_is_tried_again_tells_of_the_months_that_stand_already(target: ParquetTarget) -> None:
    tries: list[str] = []

    def make(key: str) -> LazyPartition:
        @contextmanager
        def opened() -> Iterator[pa.Table]:
            tries.append(key)
            if tries.count("2024-02") == 1 and key == "2024-02":
                raise ConnectionError("the store restarts")
            yield ROWS

        return LazyPartition(open=opened, facts={"version": key})

    keys = ["2024-01", "2024-02"]

    @asset(name="made", io_manager_key="io", partitions_def=MONTHS, retry_policy=RetryPolicy(max_retries=1))
    def made() -> LazyPartitions:
        return LazyPartitions(keys, make)

    result = _run(target, made, *keys, pass_over_current=False)
    assert result.success
    assert tries == ["2024-01", "2024-02", "2024-02"], "what the first attempt stored is not loaded again"
    told = {one.partition: dict(one.metadata) for one in result.asset_materializations_for_node("made")}
    assert {
        key: metadata["dagster/partition_row_count"].value for key, metadata in told.items()
    } == dict.fromkeys(keys, 3)
    assert told["2024-01"]["status"].value == "already current"
    assert told["2024-02"]["status"].value == "stored"
