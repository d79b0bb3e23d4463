"""The checks ask the stores: whatever is changed there behind Dagster's back is told in numbers."""

from collections.abc import Callable
from contextlib import closing

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from dagster import AssetCheckEvaluation, AssetCheckSeverity

from taxi_assets.tlc.published import published_rows
from taxi_assets.tlc.services import parse_month
from taxi_assets_tests.assets.graph import TARGETS, Graph, evaluations, publish

MONTH = "2024-01"


def _delete_from_postgres(graph: Graph) -> None:
    with psycopg.connect(graph.postgres_url) as connection:
        deleted = connection.execute(
            "DELETE FROM taxi.green_trips WHERE ctid IN (SELECT ctid FROM taxi.green_trips LIMIT 2)"
        )
        assert deleted.rowcount == 2


def _drop_from_postgres(graph: Graph) -> None:
    with psycopg.connect(graph.postgres_url) as connection:
        connection.execute("DROP TABLE taxi.green_trips")


def _raise_a_fare_in_duckdb(graph: Graph) -> None:
    with closing(duckdb.connect(graph.warehouse)) as connection:
        connection.execute(
            "UPDATE green_trips SET fare_amount = fare_amount + 0.01 WHERE rowid = "
            "(SELECT min(rowid) FROM green_trips WHERE fare_amount IS NOT NULL)"
        )


def _rewrite(graph: Graph, stage: str, change: Callable[[pa.Table], pa.Table]) -> None:
    path = graph.file(stage, "green", MONTH)
    table = pq.ParquetFile(path).read()
    pq.write_table(change(table).replace_schema_metadata(table.schema.metadata), path)


def _double_a_row_in_the_lake(graph: Graph) -> None:
    _rewrite(graph, "lake", lambda table: pa.concat_tables([table, table.slice(0, 1)]))


def _add_half_a_dollar_to_each_rejected_row(graph: Graph) -> None:
    def change(table: pa.Table) -> pa.Table:
        number = table.schema.get_field_index("tolls_amount")
        column = pc.add(pc.fill_null(table["tolls_amount"], 0.0), 0.5)
        return table.set_column(number, table.schema.field(number), column)

    _rewrite(graph, "quarantined", change)


def _lose_a_rejected_row(graph: Graph) -> None:
    _rewrite(graph, "quarantined", lambda table: table.slice(1))


@pytest.mark.parametrize(
    ("tamper", "asset", "check", "said"),
    [
        (_delete_from_postgres, "postgres", "matches_cleaned", "cleaned = postgres: off by -2 in rows"),
        (_double_a_row_in_the_lake, "lake", "matches_cleaned", "cleaned = lake: off by 1 in rows"),
        (
            _raise_a_fare_in_duckdb,
            "warehouse",
            "matches_cleaned",
            "cleaned = warehouse: off by 0.01 in fare_amount",
        ),
        (
            _add_half_a_dollar_to_each_rejected_row,
            "cleaned",
            "conserves_rows_and_money",
            "raw = cleaned + quarantined: off by 15 in tolls_amount",
        ),
        (
            _lose_a_rejected_row,
            "cleaned",
            "conserves_rows_and_money",
            "raw = cleaned + quarantined: off by -1 in rows",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_was_changed_in_a_store_is_found_and_told(
    graph: Graph, tamper: Callable[[Graph], None], asset: str, check: str, said: str
) -> None:
    assert graph.run("green", MONTH).success
    tamper(graph)
    result = graph.check("green", MONTH)
    assert not result.success
    (found,) = [one for one in evaluations(result) if not one.passed]
    assert (found.asset_key.path[0], found.check_name, found.partition) == (asset, check, MONTH)
    assert str(found.description).startswith(said)
    assert found.severity == AssetCheckSeverity.ERROR
    assert found.blocking


def test_a_month_whose_loss_was_found_is_mended_by_loading_it_regardless(graph: Graph) -> None:
    assert graph.run("green", MONTH).success
    before = graph.postgres_rows("green", MONTH)
    _raise_a_fare_in_duckdb(graph)
    assert not graph.run("green", MONTH).success
    regardless = {"resources": {"warehouse_io": {"config": {"pass_over_current": False}}}}
    assert graph.run("green", MONTH, config=regardless).success
    assert graph.warehouse_rows("green", MONTH) == before


@pytest.mark.parametrize("lose", [_delete_from_postgres, _drop_from_postgres, _double_a_row_in_the_lake])
def test_rows_that_are_too_few_or_too_many_make_the_next_run_load_the_month_again(
    graph: Graph, lose: Callable[[Graph], None]
) -> None:
    assert graph.run("green", MONTH).success
    lose(graph)
    assert graph.run("green", MONTH).success
    cleaned = graph.lake_rows("cleaned", "green", MONTH)
    assert graph.targets("green", MONTH) == dict.fromkeys(TARGETS, cleaned)


def test_a_count_other_than_published_is_a_warning(graph: Graph) -> None:
    found = _published_count(graph, "green", MONTH)
    known = published_rows("green", parse_month(MONTH))
    assert known is not None
    assert (found.passed, found.severity, found.blocking) == (False, AssetCheckSeverity.WARN, False)
    assert {name: value.value for name, value in found.metadata.items()} == {
        "rows": 100,
        "published_rows": known.rows,
    }


def test_a_month_whose_count_nobody_knows_passes(graph: Graph) -> None:
    assert published_rows("fhv", parse_month("2026-05")) is None
    found = _published_count(graph, "fhv", "2026-05")
    assert found.passed
    assert "no published count" in str(found.description)


def _published_count(graph: Graph, service: str, month: str) -> AssetCheckEvaluation:
    graph.source_url = str(publish(graph.home.parent / "published", service, month, rows=100))
    result = graph.run(service, month)
    assert result.success
    (found,) = [one for one in evaluations(result) if one.check_name == "published_row_count"]
    return found


def test_checks_that_are_launched_without_a_month_judge_every_month_that_stands(graph: Graph) -> None:
    assert graph.run("green", "2023-01", "2023-02").success
    job = graph.definitions.resolve_job_def("green_trips")
    subset = job.get_subset(
        asset_selection=set(), asset_check_selection=set(job.asset_layer.asset_graph.asset_check_keys)
    )
    result = subset.execute_in_process(instance=graph.instance, raise_on_error=False)
    assert result.success
    months = {evaluation.partition for evaluation in result.get_asset_check_evaluations()}
    assert {"2023-01", "2023-02"} <= months
