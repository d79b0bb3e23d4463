"""An asset gets its input as the type that it asks for, of the months and columns that it asks for."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from dagster import (
    AssetIn,
    AssetKey,
    AssetSpec,
    DagsterEventType,
    ExecuteInProcessResult,
    MonthlyPartitionsDefinition,
    asset,
    materialize,
)

from taxi_assets.targets.io_manager import TargetIOManager
from taxi_assets.targets.lazy import LazyPartitions
from taxi_assets.targets.parquet import ParquetTarget

MONTHS = MonthlyPartitionsDefinition(start_date="2024-01", fmt="%Y-%m", end_offset=1)
ROWS = pa.table(
    {
        "n": pa.array([1, None, 3], pa.int32()),
        "fare": pa.array([1.5, None, 300.0]),
        "flag": pa.array([True, None, False]),
        "text": ["N/A", None, "b"],
    }
)


@pytest.fixture
def target(tmp_path: Path) -> ParquetTarget:
    made = ParquetTarget(url=str(tmp_path / "lake"))
    for month in (1, 2, 3):
        made.replace("trips", date(2024, month, 1), ROWS.to_reader(), {"version": str(month)})
    made.replace("zones", None, ROWS.to_reader())
    return made


def _ask(
    target: ParquetTarget,
    annotation: Any,
    first: str = "2024-01",
    last: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    table: str = "trips",
) -> tuple[ExecuteInProcessResult, list[Any]]:
    """What an asset with an input of this annotation gets."""
    got: list[Any] = []
    partitions = MONTHS if table == "trips" else None

    def reader(asked):  # type: ignore[no-untyped-def]
        got.append(asked.read_all() if isinstance(asked, pa.RecordBatchReader) else asked)
        if isinstance(asked, LazyPartitions):
            got[-1] = {key: part.rows for key, part in asked.items()}

    reader.__annotations__["asked"] = annotation
    definition = asset(ins={"asked": AssetIn(AssetKey(table), metadata=metadata)}, partitions_def=partitions)(
        reader
    )
    upstream = AssetSpec(table, partitions_def=partitions).with_io_manager_key("io")
    tags = {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last or first,
    }
    result = materialize(
        [upstream, definition],
        resources={"io": TargetIOManager(target=target)},
        partition_key=first if partitions and not last else None,
        tags=tags if last else None,
        selection=[definition],
        raise_on_error=False,
    )
    return result, got


def test_a_stream_is_what_an_input_without_annotation_gets(target: ParquetTarget) -> None:
    for annotation in (Any, pa.RecordBatchReader, pa.Table):
        result, (table,) = _ask(target, annotation)
        assert result.success
        assert table.drop_columns(["trip_month"]).equals(ROWS)
        assert table["trip_month"].to_pylist() == [date(2024, 1, 1)] * 3


def test_pandas_keeps_integers_with_nulls_as_integers(target: ParquetTarget) -> None:
    _, (frame,) = _ask(target, pd.DataFrame)
    assert isinstance(frame, pd.DataFrame)
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "n": "Int32",
        "fare": "float64",
        "flag": "boolean",
        "text": "object",
        "trip_month": "object",
    }
    assert frame["n"].tolist() == [1, pd.NA, 3]
    assert frame["text"].tolist() == ["N/A", None, "b"]


def test_polars_gets_its_frames(target: ParquetTarget) -> None:
    _, (frame,) = _ask(target, pl.DataFrame)
    assert isinstance(frame, pl.DataFrame)
    assert frame["n"].to_list() == [1, None, 3]
    _, (lazy,) = _ask(target, pl.LazyFrame)
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.collect().equals(frame)


def test_duckdb_gets_a_relation_that_can_be_queried_on(target: ParquetTarget) -> None:
    _, (relation,) = _ask(target, duckdb.DuckDBPyRelation)
    assert isinstance(relation, duckdb.DuckDBPyRelation)
    assert relation.aggregate("sum(n), count(*)").fetchall() == [(4, 3)]


def test_a_range_of_months_is_one_stream_in_order(target: ParquetTarget) -> None:
    _, (table,) = _ask(target, pa.Table, "2024-01", "2024-03")
    assert table["trip_month"].to_pylist() == [date(2024, month, 1) for month in (1, 2, 3) for _ in range(3)]


def test_lazy_partitions_know_their_rows_before_they_are_opened(target: ParquetTarget) -> None:
    _, (rows,) = _ask(target, LazyPartitions, "2024-01", "2024-02")
    assert rows == {"2024-01": 3, "2024-02": 3}


def test_columns_and_conditions_of_the_input_are_the_stores_business(target: ParquetTarget) -> None:
    wanted = {"columns": ["text", "fare"], "where": [["fare", ">", 100], ("n", "is not null", None)]}
    _, (table,) = _ask(target, pa.Table, metadata=wanted)
    assert table.to_pylist() == [{"text": "b", "fare": 300.0}]


def test_an_input_without_partitions_is_the_whole_table(target: ParquetTarget) -> None:
    _, (table,) = _ask(target, pa.Table, table="zones")
    assert table.equals(ROWS)


@pytest.mark.parametrize("wrong", [pd.Series, str, int, date])
def test_another_annotation_is_refused_with_those_that_would_do(target: ParquetTarget, wrong: type) -> None:
    said = _failure(_ask(target, wrong)[0])
    assert f"trips can't be loaded as {wrong.__module__.split('.')[0]}.{wrong.__name__}" in said
    for name in ("pyarrow.Table", "pandas.DataFrame", "polars.LazyFrame", "duckdb.DuckDBPyRelation"):
        assert name in said
    assert "LazyPartitions" in said


def test_a_month_that_is_not_there_is_named(target: ParquetTarget) -> None:
    assert "2024-05" in _failure(_ask(target, pa.Table, "2024-05")[0])
    said = _failure(_ask(target, LazyPartitions, "2024-05")[0])
    assert "trips has no partition 2024-05" in said
    assert "materialize it first" in said


def test_a_column_that_is_not_there_is_named(target: ParquetTarget) -> None:
    assert "nonsense" in _failure(_ask(target, pa.Table, metadata={"columns": ["nonsense"]})[0])


def _failure(result: ExecuteInProcessResult) -> str:
    """What the step's Failure says; it must be one, and it must not be tried again."""
    (failed,) = [event for event in result.all_events if event.event_type == DagsterEventType.STEP_FAILURE]
    error = failed.step_failure_data.error
    chain = []
    while error:
        chain.append(error.message)
        error = error.cause
    return "\n".join(chain)
