"""Graphs without Postgres, whose server the marts don't need."""

from pathlib import Path

from taxi_assets_tests.assets.graph import Graph


def graph_in(home: Path) -> Graph:
    """A lake and a warehouse in DuckDB, 1,500 made-up rows a month."""
    return Graph(home, "embedded", "synthetic?rows=1500&seed=1", {"TAXI_TARGETS": "lake,warehouse"})
