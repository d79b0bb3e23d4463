"""The query that the UI shows beside a month, run as printed in the store's own client, shows its rows."""

import os
import re
from contextlib import closing
from datetime import date
from fnmatch import fnmatch
from typing import Any

import duckdb
import pytest

from taxi_assets.targets.bigquery import BigQueryTarget
from taxi_assets.targets.duckdb import DuckDBTarget
from taxi_assets.targets.duckdb_file import duckdb_path
from taxi_assets.targets.parquet import ParquetTarget
from taxi_assets.targets.postgres.target import PostgresTarget
from taxi_assets.targets.target import EXAMPLE_ROWS, Target
from taxi_assets_tests.contract.rows import FEBRUARY, JANUARY, put, trips

Rows = list[dict[str, Any]]


def run(target: Target, query: str) -> Rows:
    """Run it without the code that printed it."""
    if isinstance(target, PostgresTarget):
        with target.connect() as connection:
            cursor = connection.execute(query.encode())
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    if isinstance(target, BigQueryTarget):
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import bigquery

        client = bigquery.Client("contract", credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
        with closing(client):
            return [dict(row.items()) for row in client.query(query).result()]
    file = str(duckdb_path(target.url)) if isinstance(target, DuckDBTarget) else ":memory:"
    with closing(duckdb.connect(file)) as connection:
        if "gs://" in query:
            connection.register_filesystem(emulated_gcs())
        found: Rows = connection.sql(query).to_arrow_table().to_pylist()
        return found


def emulated_gcs() -> Any:
    """gs:// for DuckDB, whose own extension for it is no part of the wheel."""
    from fsspec.implementations.arrow import ArrowFSWrapper  # type: ignore[import-untyped]
    from pyarrow.fs import FileSelector, GcsFileSystem

    class Emulated(ArrowFSWrapper):  # type: ignore[misc]
        protocol = "gs"

        def glob(self, path: str, **_: Any) -> list[str]:
            """Arrow's own goes by folders, of which a bucket has none."""
            pattern = path.removeprefix("gs://")
            objects = self.fs.get_file_info(FileSelector(pattern.split("/")[0], recursive=True))
            return [one.path for one in objects if fnmatch(one.path, pattern)]

    host = os.environ["STORAGE_EMULATOR_HOST"].removeprefix("http://")
    return Emulated(GcsFileSystem(anonymous=True, scheme="http", endpoint_override=host))


@pytest.mark.parametrize("month", [JANUARY, FEBRUARY], ids=str)
def test_the_printed_query_shows_rows_of_that_month_alone(target: Target, month: date) -> None:
    put(target, trips(30, 1))
    put(target, trips(4, 2, FEBRUARY), FEBRUARY)
    query = target.example_query("green_trips", month)
    if not query:
        assert type(target).__name__ == "FeatherTarget", "every store of ours has a query"
        return
    rows = run(target, query)
    assert len(rows) == (EXAMPLE_ROWS if month == JANUARY else 4)
    assert {row["generation"] for row in rows} == {1 if month == JANUARY else 2}
    assert {str(row["trip_month"]) for row in rows} == {str(month)}


def test_a_table_without_partitions_has_a_query_too(target: Target) -> None:
    target.replace("zones", None, trips(3).to_reader())
    query = target.example_query("zones", None)
    assert not query or len(run(target, query)) == 3


def test_the_printed_python_reads_the_month_whole(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    put(target, trips(30, 1))
    put(target, trips(4, 2, FEBRUARY), FEBRUARY)
    printed = target.example_python("green_trips", JANUARY)
    assert bool(printed) == isinstance(target, ParquetTarget)
    if not printed or "gs://" in printed:  # pyarrow's client of gs:// knows no emulator over plain http
        return
    found: dict[str, Any] = {}
    exec(printed, found)  # what a person pastes
    assert len(found["rows"]) == 30
    assert set(found["rows"].generation) == {1}


def test_a_quote_in_a_path_does_not_end_the_query(tmp_path_factory: pytest.TempPathFactory) -> None:
    target = ParquetTarget(url=str(tmp_path_factory.mktemp("ana's") / "lake"))
    target.replace("zones", None, trips(3).to_reader())
    assert len(run(target, target.example_query("zones", None))) == 3
    assert re.search(r"ana''s", target.example_query("zones", None))
