"""What the tests of the marts share: a graph, and the questions that the page asks."""

import re
from pathlib import Path

from taxi_assets_tests.assets.graph import Graph

PAGE = Path(__file__).parents[2] / "docs" / "marts.md"


def graph_in(home: Path, postgres_url: str = "embedded") -> Graph:
    """A graph of 1,500 made-up rows a month; no server is started for a URL that nobody asks."""
    return Graph(home, postgres_url, "synthetic?rows=1500&seed=1")


def questions(*beginnings: str) -> list[str]:
    """The page's blocks of SQL that begin so."""
    blocks = re.findall(r"```sql\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    found = [block for block in blocks if block.startswith(beginnings)]
    assert len(found) == len(beginnings)
    return found
