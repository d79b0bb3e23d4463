"""A lake in a directory feeds the stores of its machine from its own files, through the IO managers."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from dagster import (
    AssetIn,
    AssetsDefinition,
    ExecuteInProcessResult,
    MonthlyPartitionsDefinition,
    asset,
    materialize,
)

from taxi_assets.targets.duckdb import DuckDBTarget
from taxi_assets.targets.io_manager import TargetIOManager
from taxi_assets.targets.lazy import ArrowStream, LazyPartition, LazyPartitions
from taxi_assets.targets.parquet import ParquetTarget
from taxi_assets.targets.target import Target, TargetError
from taxi_assets_tests.contract.rows import JANUARY, bag, held, trips

MONTHS = MonthlyPartitionsDefinition("2024-01", fmt="%Y-%m")
UPSTREAM = "cleaned/trips"
ROWS = trips(500, 1)


def _not_opened() -> AbstractContextManager[ArrowStream]:
    raise AssertionError("rows passed through this process")


@pytest.fixture
def lake(tmp_path: Path) -> ParquetTarget:
    return ParquetTarget(url=str(tmp_path / "lake"))


@pytest.fixture(params=["lake", "warehouse"])
def target(request: pytest.FixtureRequest, lake: ParquetTarget, tmp_path: Path) -> Target:
    return lake if request.param == "lake" else DuckDBTarget(url=f"duckdb:///{tmp_path / 'w.duckdb'}")


def run(
    lake: ParquetTarget,
    target: Target,
    handed_on: Callable[[LazyPartition], LazyPartition],
    fields: Mapping[str, Any] | None = None,
) -> ExecuteInProcessResult:
    """Make an asset of the month, and one that hands it on."""

    @asset(key=UPSTREAM.split("/"), partitions_def=MONTHS, io_manager_key="lake_io")
    def upstream() -> LazyPartition:
        return LazyPartition(open=lambda: nullcontext(ROWS), facts={"version": "1"})

    @asset(
        key=["store", "trips"],
        ins={"cleaned": AssetIn(UPSTREAM.split("/"))},
        partitions_def=MONTHS,
        io_manager_key="store_io",
    )
    def downstream(cleaned: LazyPartitions) -> LazyPartition:
        return handed_on(cleaned["2024-01"])

    resources = {
        "lake_io": TargetIOManager(target=lake),
        "store_io": TargetIOManager(target=target, **(fields or {})),
    }
    assets: list[AssetsDefinition] = [upstream, downstream]
    return materialize(assets, resources=resources, partition_key="2024-01", raise_on_error=False)


def shown(result: ExecuteInProcessResult) -> Mapping[str, Any]:
    (event,) = result.asset_materializations_for_node("store__trips")
    return {name: value.value for name, value in event.metadata.items()}


def told(result: ExecuteInProcessResult) -> str:
    (failed,) = result.get_step_failure_events()
    return str(failed.step_failure_data.error_display_string)


def test_no_row_passes_through_the_process_and_the_page_shows_the_first_all_the_same(
    lake: ParquetTarget, target: Target
) -> None:
    result = run(lake, target, lambda month: replace(month, open=_not_opened))
    assert result.success
    table = target.table_name(["store", "trips"])
    assert held(target, JANUARY, table) == bag(ROWS)
    facts = target.partitions(table)[JANUARY].facts
    assert (facts["version"], facts["run_id"]) == ("1", result.run_id)
    metadata = shown(result)
    assert (metadata["status"], metadata["dagster/partition_row_count"]) == ("stored", 500)
    streamed = run(
        lake, target, lambda month: replace(month, objects=lambda: None), {"pass_over_current": False}
    )
    assert metadata["preview"].count("\n") == 1 + len(ROWS.schema)
    if isinstance(target, ParquetTarget):
        assert shown(streamed)["preview"] == metadata["preview"]


def test_data_that_must_not_be_seen_has_no_preview(lake: ParquetTarget, target: Target) -> None:
    assert "preview" not in shown(run(lake, target, lambda month: month, {"preview_rows": 0}))


def test_a_month_that_is_replaced_after_its_facts_were_read_fails_the_run_and_is_not_stored(
    lake: ParquetTarget, target: Target
) -> None:
    def handed_on(month: LazyPartition) -> LazyPartition:
        lake.replace(UPSTREAM, JANUARY, pa.table(ROWS.slice(0, 9)).to_reader(), {"version": "2"})
        return month

    result = run(lake, target, handed_on)
    assert "was replaced while it was read: run it again" in told(result)
    assert target.partitions(target.table_name(["store", "trips"])) == {}


def test_rows_handed_on_to_another_month_are_refused(lake: ParquetTarget, target: Target) -> None:
    def of_february(month: LazyPartition) -> LazyPartition:
        offered = month.objects()
        assert offered is not None
        moved = replace(offered, root=offered.root + "/elsewhere")
        return replace(month, objects=lambda: moved, open=_not_opened)

    result = run(lake, target, of_february)
    assert "rows passed through this process" in told(result)


def test_pages_that_can_not_be_unpacked_are_told_of_by_duckdb(lake: ParquetTarget, tmp_path: Path) -> None:
    lake.replace(UPSTREAM, JANUARY, ROWS.to_reader(), {"version": "1"})
    path = tmp_path / "lake" / UPSTREAM / "trip_month=2024-01-01" / "trips.parquet"
    content = bytearray(path.read_bytes())
    content[4:400] = b"\xff" * 396
    path.write_bytes(content)
    offered = lake.objects(UPSTREAM, JANUARY)
    assert offered is not None
    target = DuckDBTarget(url=f"duckdb:///{tmp_path / 'w.duckdb'}")
    with pytest.raises(TargetError, match="is damaged"):
        target.replace_from("trips", JANUARY, offered)
    assert target.partitions("trips") == {}
