"""The trail as it is, by SQL of the tests' own; and what must hold of any trail."""

from typing import Any, TypeAlias

import psycopg
from psycopg.rows import dict_row

from taxi_assets_tests.assets.graph import Graph

Row: TypeAlias = dict[str, Any]


def entries(url: str, target: str | None = None) -> list[Row]:
    """Rows of the trail in the order in which they were written; of one target, if it is named."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        rows = connection.execute("SELECT * FROM taxi_audit.loads ORDER BY recorded").fetchall()
    return [row for row in rows if target in (None, row["target"])]


def by_target(graph: Graph) -> dict[str, Row]:
    """The one entry of each target."""
    rows = entries(graph.postgres_url)
    found = {row["target"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def assert_no_gap(url: str) -> None:
    """Each entry replaces the rows that the one before it put there: none is missing, none is there twice."""
    last: dict[tuple[str, str, object], int | None] = {}
    rows = entries(url)
    for row in sorted(rows, key=lambda one: one["finished"] or one["started"]):
        place = (row["service"], row["target"], row["trip_month"])
        assert row["rows_replaced"] == last.get(place), f"{place}: {row['run_id']} follows on another one"
        last[place] = row["rows_standing"]
