"""A run that was given up, and comes back, does not put its older rows over newer ones."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from contextvars import Context
from pathlib import Path

import pyarrow as pa
import pytest
from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    DagsterInstance,
    DagsterRunStatus,
    MonthlyPartitionsDefinition,
    RetryPolicy,
    asset,
    materialize,
)

from taxi_assets.targets.file_io_manager import FileIOManager, LazyFile
from taxi_assets.targets.files import FileStore
from taxi_assets.targets.io_manager import TargetIOManager
from taxi_assets.targets.lazy import LazyPartition
from taxi_assets.targets.objects import open_objects
from taxi_assets.targets.parquet import ParquetTarget
from taxi_assets.targets.wanted import while_wanted
from taxi_assets.tlc.source import Published
from taxi_assets_tests.contract.rows import JANUARY, bag, held, put, trips
from taxi_assets_tests.servers.gcs import fake_gcs

MONTHS = MonthlyPartitionsDefinition(start_date="2024-01", fmt="%Y-%m", end_offset=1)


class GivenUp(Exception):  # noqa: N818 - a state
    """As a run that was given up is told."""


def cut_off(context: AssetExecutionContext, meanwhile: Callable[[], object], ended: DagsterRunStatus) -> None:
    """What happens elsewhere while this run's machine is out of reach: it is given up, another one works."""
    run = context.instance.get_run_by_id(context.run.run_id)
    assert run is not None
    if ended == DagsterRunStatus.FAILURE:
        context.instance.report_run_failed(run, "the worker is silent")
    else:
        context.instance.report_run_canceled(run, "the worker did not answer")
    Context().run(meanwhile)  # nothing of this run's is asked there


def slow_rows(target: ParquetTarget, ended: DagsterRunStatus, tries: list[str]) -> AssetsDefinition:
    """Rows of generation 1, whose run is cut off before the last batch; another one stores generation 2."""

    @asset(
        key=["green_trips"],
        io_manager_key="io",
        partitions_def=MONTHS,
        retry_policy=RetryPolicy(max_retries=1),
    )
    def green_trips(context: AssetExecutionContext) -> LazyPartition:
        tries.append(context.run.run_id)

        def batches() -> Iterator[pa.RecordBatch]:
            yield from trips(10, 1).to_batches()
            cut_off(context, lambda: put(target, trips(20, 2)), ended)
            yield from trips(10, 1).to_batches()

        rows = pa.RecordBatchReader.from_batches(trips(1).schema, batches())
        return LazyPartition(open=lambda: nullcontext(rows))

    return green_trips


@pytest.mark.parametrize("ended", [DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED])
def test_a_run_that_was_given_up_stores_nothing_and_is_not_tried_again(
    tmp_path: Path, ended: DagsterRunStatus
) -> None:
    target, tries = ParquetTarget(url=str(tmp_path / "lake")), list[str]()
    with DagsterInstance.ephemeral() as instance:
        result = materialize(
            [slow_rows(target, ended, tries)],
            resources={"io": TargetIOManager(target=target)},
            partition_key="2024-01",
            instance=instance,
            raise_on_error=False,
        )
        assert held(target) == bag(trips(20, 2))
        assert not result.success
        assert len(tries) == 1
        (failure,) = [event for event in result.all_events if event.is_step_failure]
        told = str(failure.step_failure_data.error_display_string)
        assert f"this run was given up before ({ended.value.lower()})" in told
        assert not result.get_asset_materialization_events()


def test_a_file_that_was_fetched_by_a_run_that_was_given_up_is_not_kept(tmp_path: Path) -> None:
    files = FileStore(url=str(tmp_path / "lake"))

    def fetched(into: Path, content: bytes) -> Published:
        (into / "trips.csv").write_bytes(content)
        return Published(into / "trips.csv", {"version": content.decode()})

    def keep(content: bytes) -> None:
        published = fetched(tmp_path, content)
        files.put("raw", JANUARY, published.path, published.facts)

    @asset(io_manager_key="io", partitions_def=MONTHS)
    def raw(context: AssetExecutionContext) -> dict[str, LazyFile]:
        def fetch(into: Path, _: object) -> Published:
            cut_off(context, lambda: keep(b"newer"), DagsterRunStatus.FAILURE)
            return fetched(into, b"older")

        return {"2024-01": LazyFile(fetch)}

    with DagsterInstance.ephemeral() as instance:
        result = materialize(
            [raw],
            resources={"io": FileIOManager(files=files)},
            partition_key="2024-01",
            instance=instance,
            raise_on_error=False,
        )
    assert not result.success
    assert (files.facts("raw", JANUARY) or {})["version"] == "newer"


def test_an_upload_that_was_held_up_does_not_replace_what_came_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_gcs(tmp_path / "gcs") as server:
        server.create_bucket("objects")
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.endpoint)
        store = open_objects("gs://objects/lake")
        asked = []

        def upload(name: str) -> None:
            (tmp_path / name).write_text(name)
            store.put(tmp_path / name, "month")

        def ask() -> None:
            asked.append("still wanted?")
            if len(asked) > 1:
                raise GivenUp
            with while_wanted(lambda: None):  # the other one's upload, between our question and our upload
                upload("newer")

        with while_wanted(ask), pytest.raises(GivenUp):
            upload("older")
        with store.local_path("month") as found:
            assert found.read_text() == "newer"
