"""The summary as a pandas data frame of a type of its own, which dagster-pandas checks column by column."""

import re
import warnings
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from dagster import BetaWarning, DagsterType

from taxi_assets.assets.summary.columns import ARROW_SCHEMA, COLUMNS, SummaryColumn, bounds_in_words
from taxi_assets.targets.lazy import LazyPartitions

if TYPE_CHECKING:
    import pandas as pd

_TYPES = {"text": "string", "date": "datetime64[ns]", "int": "Int64", "float": "Float64"}
"""Nullable ones, so that what is not published stays missing and never makes a count a float."""

_NAMED = re.compile(r'for column "(\w+)"')


class WrongSummary(Exception):  # noqa: N818 - a state of the data
    """A row breaks what a column may hold. Says which, and what was found."""


@cache
def frame_type() -> DagsterType:
    """The type of one month's data frame."""
    from dagster_pandas import RowCountConstraint, create_dagster_pandas_dataframe_type

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BetaWarning)
        made: DagsterType = create_dagster_pandas_dataframe_type(
            "MonthlySummary",
            "A month of a service in one row.",
            columns=[_checked(column) for column in COLUMNS],
            dataframe_constraints=[RowCountConstraint(1)],
        )
        return made


@cache
def frames_type() -> DagsterType:
    """The type of what the asset returns: such a data frame for each month of the run, made in its turn.

    It says itself what a frame may hold: dagster-pandas would say it as well, and bring pandas, 0.3 s, into
    every process that loads the code location.
    """
    return DagsterType(
        name="MonthlySummaries",
        type_check_fn=lambda _, value: isinstance(value, LazyPartitions),
        description="For each month a data frame of one row.\n\n### Columns\n"
        + "\n\n".join(map(_told, COLUMNS)),
        typing_type=LazyPartitions,
    )


def _told(column: SummaryColumn) -> str:
    """A column as ``frame_type`` checks it."""
    bounds = "".join(f"\n+ {words}" for words in bounds_in_words(column))
    return f"**{column.name}**: `{_TYPES[column.kind]}`{bounds}" + (
        "" if column.may_lack else "\n+ never null"
    )


def _checked(column: SummaryColumn) -> Any:
    from dagster_pandas import PandasColumn

    missing = {"non_nullable": not column.may_lack, "ignore_missing_vals": column.may_lack}
    if column.kind == "text":
        return PandasColumn.string_column(column.name, **missing)
    if column.kind == "date":
        return PandasColumn.datetime_column(column.name, **missing)
    if column.kind == "int":
        return PandasColumn.integer_column(column.name, column.least, column.most, **missing)
    return PandasColumn.float_column(column.name, column.least, column.most, **missing)


def typed_frame(row: Mapping[str, Any]) -> "pd.DataFrame":
    """A row as the data frame that ``frame_type`` describes.

    Raises:
        WrongSummary: It is none.
    """
    import pandas as pd

    frame = pd.DataFrame(
        {column.name: pd.Series([row[column.name]], dtype=_TYPES[column.kind]) for column in COLUMNS}
    )
    checked = frame_type().type_check(None, frame)  # type: ignore[arg-type]  # asked outside a step
    if not checked.success:
        sentence = str(checked.description).split("The offending")[0]
        named = _NAMED.search(sentence)
        raise WrongSummary(f"{sentence} Found {row[named.group(1)]}." if named else sentence)
    if row["trips"] + row["quarantined_rows"] != row["raw_rows"]:
        raise WrongSummary(
            'Violated "raw_rows = trips + quarantined_rows". '
            f"Found {row['raw_rows']:,} and {row['trips']:,} + {row['quarantined_rows']:,}."
        )
    return frame


def arrow_table(frame: "pd.DataFrame") -> pa.Table:
    """The frame as it is stored: a day is a date, and every column carries its meaning."""
    return pa.Table.from_pandas(frame, schema=ARROW_SCHEMA, preserve_index=False).replace_schema_metadata()
