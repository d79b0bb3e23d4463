"""The SELECT that makes a month of a mart, in the dialect of the warehouse at hand.

Written in BigQuery's SQL, read and written by SQLGlot (see the package). Two things are not in the text:

- ``exact(x)`` is a double as a decimal of ``MONEY_DECIMALS`` places, so that sums are exact and equal in
  every warehouse whatever the order of the rows, and equal to ``Target.totals``. NaN, infinities and values
  from 100 billion on are left out. It is written by dialect, since BigQuery takes no precision in a cast.
- A table that is not there is taken out: a service of which nothing stands yet contributes no rows, and a
  table that is joined has none.

The month is a literal in the WHERE of every service, so that BigQuery reads that one partition.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, cast

from taxi_assets.exact_sums import MONEY_DECIMALS
from taxi_assets.marts.table import Mart
from taxi_assets.targets.bigquery.read import exact
from taxi_assets.tlc.services import SERVICES, ServiceName

if TYPE_CHECKING:
    from sqlglot import exp

WRITTEN_IN = "bigquery"

TABLES: Mapping[str, ServiceName] = {f"{name}_trips": name for name in SERVICES}

_FINITE = "CASE WHEN ABS({0}) < 1e11 THEN {1} END"
_EXACT = {
    "bigquery": _FINITE.format("x", exact("x")),
    "duckdb": _FINITE.format("x", f"CAST(x AS DECIMAL(18, {MONEY_DECIMALS}))"),
}
"""``exact(x)`` by dialect. NaN is less than nothing: in BigQuery every comparison with it is false, in DuckDB
it is the greatest number."""


class NothingStands(Exception):  # noqa: N818 - a state, not a fault
    """No service has the month: there is nothing to ask, and the mart's month has no rows."""


def month_query(
    mart: Mart, month: date, dialect: str, there: Collection[str], sql_name: Callable[[str], str]
) -> str:
    """The SELECT for one month of a mart.

    Args:
        mart: Which one.
        month: First day of the month.
        dialect: ``duckdb`` or ``bigquery``.
        there: The tables that stand, ``green_trips`` or ``zones``: those of trips that have the month.
        sql_name: Gives a table's name for SQL, qualified and quoted.

    Raises:
        NothingStands: None of the tables of trips is among ``there``.
    """
    from sqlglot import exp

    whole = composed(mart, frozenset(there))

    def placed(node: "exp.Expr") -> "exp.Expr":
        if isinstance(node, exp.Parameter):
            return cast("exp.Expr", exp.cast(exp.Literal.string(month.isoformat()), "DATE"))
        if isinstance(node, exp.Table) and node.name != "trips":
            table = exp.to_table(sql_name(node.name), dialect=dialect)
            return exp.alias_(table, node.alias_or_name, table=True)
        if isinstance(node, exp.Anonymous) and node.name.lower() == "exact":
            return _exact(dialect, node.expressions[0])
        return node

    return str(whole.transform(placed).sql(dialect, pretty=True, comments=False))


@cache
def composed(mart: Mart, there: frozenset[str]) -> "exp.Query":
    """The mart's SELECT over the united trips of the tables that stand, as SQLGlot's tree.

    Raises:
        NothingStands: There are none.
    """
    from sqlglot import exp

    branches = [one for one in _parsed("trips").find_all(exp.Select) if _source(one) in there]
    if not branches:
        raise NothingStands(mart.name)
    ordered = sorted(branches, key=lambda one: list(TABLES).index(_source(one)))
    united = exp.union(*ordered, distinct=False) if len(ordered) > 1 else ordered[0]
    whole = _parsed(mart.name).copy()
    for table in list(whole.find_all(exp.Table)):
        if table.name in mart.joins and table.name not in there:
            table.replace(_nothing(mart, whole, table.name))
    return whole.with_("trips", as_=united.copy(), copy=False)


@cache
def text(name: str) -> str:
    """A file of SQL as it is written."""
    return (files(__package__) / f"{name}.sql").read_text(encoding="utf-8")


def _parsed(name: str) -> "exp.Query":
    import sqlglot

    return cast("exp.Query", sqlglot.parse_one(text(name), read=WRITTEN_IN))


def _source(select: "exp.Select") -> str:
    return str(select.args["from_"].this.name)


def _exact(dialect: str, value: "exp.Expr") -> "exp.Expr":
    from sqlglot import exp, parse_one

    def put(node: "exp.Expr") -> "exp.Expr":
        return value.copy() if isinstance(node, exp.Column) else node

    return parse_one(_EXACT[dialect], read=dialect).transform(put)


def _nothing(mart: Mart, whole: "exp.Query", name: str) -> "exp.Expr":
    """A table of no rows, with the columns that the query asks of it."""
    from sqlglot import exp

    wanted = dict.fromkeys(column.name for column in whole.find_all(exp.Column) if column.table == name)
    kinds = {
        column.name: "INT64" if str(column.kind).startswith("int") else "STRING" for column in mart.columns
    }
    columns = [exp.alias_(exp.cast(exp.null(), kinds[one], dialect=WRITTEN_IN), one) for one in wanted]
    return cast("exp.Expr", exp.select(*columns).limit(0).subquery(name))
