"""What an asset gets from a target: the type that its annotation asks for.

A range of partitions is one stream, in order. ``columns`` and ``where`` in an input's metadata are
evaluated by the store::

    @asset(ins={"trips": AssetIn(["cleaned", "green_trips"], metadata={
        "columns": ["pickup_at", "fare_amount"], "where": [("fare_amount", ">", 100)]})})
    def expensive(trips: pandas.DataFrame): ...

pandas gets nullable integers for integer columns, so that a null never turns a count into a float. Polars
and DuckDB are served where they are installed; nothing here imports a library that nobody asked for.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pyarrow as pa
from dagster import Failure, InputContext

from taxi_assets.targets.lazy import LazyPartitions
from taxi_assets.targets.target import Target, TargetError


def wants_partitions(context: InputContext) -> bool:
    """Whether the input is annotated as lazy partitions."""
    return context.dagster_type.typing_type is LazyPartitions


def load_as(
    context: InputContext, target: Target, table: str, partitions: Sequence[date | None] | None
) -> object:
    """Read partitions of a table as the type that the input's annotation names.

    Raises:
        Failure: The annotation is not one of the known types, or the store lacks table, partition or column.
    """
    annotation = context.dagster_type.typing_type
    name = _qualified(annotation)
    convert = CONVERTERS.get(name)
    if convert is None:
        asset = context.asset_key.to_user_string()
        raise Failure(
            f"{asset} can't be loaded as {name}; annotate the input with one of: {', '.join(CONVERTERS)}, "
            "or LazyPartitions.",
            allow_retries=False,
        )
    metadata = context.definition_metadata or {}
    try:
        stream = target.read(
            table,
            None if partitions is None else [day for day in partitions if day is not None],
            metadata.get("columns"),
            [tuple(term) for term in metadata.get("where", ())],
        )
        return convert(stream)
    except TargetError as error:
        raise Failure(str(error), allow_retries=False) from error


def _qualified(annotation: Any) -> str:
    if annotation is Any:
        return "pyarrow.RecordBatchReader"
    module = getattr(annotation, "__module__", "").split(".")[0].lstrip("_")
    return f"{module}.{getattr(annotation, '__name__', annotation)}"


def _pandas(stream: pa.RecordBatchReader) -> object:
    import pandas as pd

    nullable = {
        pa.int8(): pd.Int8Dtype(),
        pa.int16(): pd.Int16Dtype(),
        pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(),
        pa.bool_(): pd.BooleanDtype(),
    }
    return stream.read_all().to_pandas(types_mapper=nullable.get, date_as_object=True)


def _polars(stream: pa.RecordBatchReader) -> object:
    import polars as pl

    return pl.from_arrow(stream.read_all())


def _polars_lazy(stream: pa.RecordBatchReader) -> object:
    import polars as pl

    return pl.from_arrow(stream.read_all()).lazy()  # type: ignore[union-attr]


def _duckdb(stream: pa.RecordBatchReader) -> object:
    import duckdb

    return duckdb.connect().from_arrow(stream.read_all())


CONVERTERS: dict[str, Callable[[pa.RecordBatchReader], object]] = {
    "pyarrow.RecordBatchReader": lambda stream: stream,
    "pyarrow.Table": lambda stream: stream.read_all(),
    "pandas.DataFrame": _pandas,
    "polars.DataFrame": _polars,
    "polars.LazyFrame": _polars_lazy,
    "duckdb.DuckDBPyRelation": _duckdb,
}
"""Type by its public name -> how it is made of a stream of record batches."""
