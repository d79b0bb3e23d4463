"""The trail on the terminal and in the UI; the SQL of docs/audit.md, from any row to its published file."""

import re
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from dagster import AssetKey

from taxi_assets import cli
from taxi_assets.audit.table import COLUMNS
from taxi_assets.resources import build_resources
from taxi_assets.tlc.services import parse_month
from taxi_assets_tests.assets.graph import TARGETS, Graph
from taxi_assets_tests.audit.entries import by_target, entries

PAGE = (Path(__file__).parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")
MONTH = "2023-01"


@pytest.fixture
def loaded(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> Graph:
    """The month of the page's queries, and the environment of its commands."""
    assert graph.run("green", MONTH).success
    monkeypatch.setenv("TAXI_HOME", str(graph.home))
    monkeypatch.setenv("TAXI_POSTGRES_URL", graph.postgres_url)
    return graph


def test_the_command_prints_the_trail_of_a_month(loaded: Graph, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["audit", "green", MONTH]) == 0
    printed = capsys.readouterr().out
    lines = [line.split() for line in printed.splitlines() if " green " in line]
    assert [line[4] for line in lines] == ["warehouse", "postgres", "lake", "quarantined", "cleaned", "raw"]
    raw = by_target(loaded)["raw"]
    assert [line[5:9] for line in lines if line[4] == "postgres"] == [["2,970", "-", "30", raw["sha256"][:8]]]
    assert f"{raw['sha256'][:8]}  {raw['source_url']}, {raw['etag']}" in printed
    assert cli.main(["audit"]) == cli.main(["audit", "green"]) == 0
    assert capsys.readouterr().out.count("2,970") == 8
    assert cli.main(["audit", "green", "2023-02"]) == 0
    assert "no such entry" in capsys.readouterr().out


def test_where_no_trail_is_kept_the_command_says_so(
    loaded: Graph, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TAXI_TARGETS", "lake")
    assert cli.main(["audit"]) == 1
    assert "TAXI_TARGETS leaves out postgres" in capsys.readouterr().out


def test_the_ui_shows_the_newest_entries_and_how_many_there_are(loaded: Graph) -> None:
    job = loaded.definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=loaded.instance, asset_selection=[AssetKey("audit_trail")])
    assert result.success
    (told,) = result.asset_materializations_for_node("audit_trail")
    shown: dict[str, Any] = {name: value.value for name, value in told.metadata.items()}
    assert shown["dagster/row_count"] == 6
    newest = by_target(loaded)["warehouse"]
    assert shown["last_entry"] == newest["recorded"].timestamp()
    lines = shown["newest"].splitlines()
    assert len(lines) == (2 + 6) + 1 + (2 + 1)
    assert lines[2].startswith(f"| {newest['finished']:%Y-%m-%d %H:%M:%S} | green | 2023-01 | warehouse |")


def test_the_trail_is_empty_in_the_ui_before_the_first_load(graph: Graph) -> None:
    job = graph.definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=graph.instance, asset_selection=[AssetKey("audit_trail")])
    (told,) = result.asset_materializations_for_node("audit_trail")
    assert told.metadata["dagster/row_count"].value == 0


def test_the_sql_of_the_page_leads_from_any_row_of_any_target_to_its_published_file(loaded: Graph) -> None:
    loaded.source_url = "synthetic?rows=2000&seed=2"
    assert loaded.run("green", MONTH).success
    sha256 = entries(loaded.postgres_url, "raw")[-1]["sha256"]
    queries = re.findall(r"```sql\n-- (\w+)[^\n]*\n(.*?)```", PAGE, re.DOTALL)
    stores = Counter(store for store, _ in queries)
    assert stores == {"Postgres": 4, "DuckDB": 1, "Parquet": 1, "BigQuery": 1}
    for store, query in queries:
        if store == "BigQuery":
            continue  # no account here
        rows = _asked(loaded, store, query)
        assert rows, query
        if "AS sha256" in query or "s.sha256" in query:
            assert all(sha256 in row for row in rows), query


def _asked(graph: Graph, store: str, query: str) -> list[tuple[object, ...]]:
    if store == "Postgres":
        with psycopg.connect(graph.postgres_url) as connection:
            return connection.execute(query.encode()).fetchall()
    with closing(duckdb.connect(graph.warehouse)) as warehouse:
        return warehouse.execute(query.replace("/srv/taxi", str(graph.home))).fetchall()


def test_the_page_tells_every_column_with_its_meaning() -> None:
    for column in COLUMNS:
        assert f"| `{column.name}` | {column.type.split()[0]} | {column.meaning} |" in PAGE


def test_each_target_names_its_entry_beside_the_rows(loaded: Graph) -> None:
    stores = build_resources(loaded.settings, conceal=False)
    found = by_target(loaded)
    for name in TARGETS:
        table = stores[name].table_name([name, "green_trips"])
        facts = stores[name].held(table, parse_month(MONTH)).facts
        assert facts["load_id"] == str(found[name]["load_id"])
        assert (facts["raw_rows"], facts["sha256"]) == ("3000", found["raw"]["sha256"])
