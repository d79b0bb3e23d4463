"""Which column of a mart is made of which columns of the warehouse, read off its SQL by SQLGlot."""

from functools import cache

from taxi_assets.marts.query import TABLES, composed
from taxi_assets.marts.table import Mart


@cache
def lineage(mart: Mart, there: frozenset[str]) -> dict[str, list[tuple[str, str]]]:
    """For each column of a mart the (table, column) pairs that it is made of; none for a literal or a count.

    Args:
        mart: Which one.
        there: The tables that its month was made of.
    """
    from sqlglot import exp
    from sqlglot.lineage import lineage as trace

    whole = composed(mart, there).copy()
    found = {}
    for column in mart.columns:
        leaves = [
            node for node in trace(column.name, whole, schema={}).walk() if isinstance(node.source, exp.Table)
        ]
        pairs = {(leaf.source.name, leaf.name.split(".")[-1]) for leaf in leaves}
        found[column.name] = sorted(pair for pair in pairs if pair[0] in TABLES or pair[0] in mart.joins)
    return found
