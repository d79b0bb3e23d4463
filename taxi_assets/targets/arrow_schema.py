"""Schemas of one table over its partitions: plain types, their union, and what doesn't fit.

Plain types: Arrow has several encodings of one type (``large_string``, dictionaries, ``view``), and no
store keeps them apart. They are written, compared and read as the plain one. A column of type ``null``
says nothing of its type, so it counts as missing.
"""

from collections.abc import Iterable, Sequence

import pyarrow as pa

from taxi_assets.targets.target import TargetError

_PLAIN = {
    pa.large_string(): pa.string(),
    pa.string_view(): pa.string(),
    pa.large_binary(): pa.binary(),
    pa.binary_view(): pa.binary(),
}


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type under the encoding."""
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if pa.types.is_large_list(kind) or pa.types.is_list(kind):
        return pa.list_(plain_type(kind.value_type))
    return _PLAIN.get(kind, kind)


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """Nullable columns of plain types with their ``description`` only; those of type ``null`` left out."""
    return pa.schema(
        [
            pa.field(field.name, plain_type(field.type), metadata=_description(field.metadata))
            for field in schema
            if not pa.types.is_null(field.type)
        ],
        metadata=_description(schema.metadata),
    )


def union(schemas: Iterable[pa.Schema]) -> pa.Schema:
    """Every column of all schemas, in the order in which they first appear, as it first appears."""
    fields: dict[str, pa.Field] = {}
    metadata = None
    for schema in schemas:
        metadata = metadata or schema.metadata
        for field in schema:
            fields.setdefault(field.name, field)
    return pa.schema(list(fields.values()), metadata=metadata)


def check_fits(table: str, there: Sequence[tuple[str, pa.Schema]], name: str, new: pa.Schema) -> None:
    """Refuse a column whose type is not the one that the table has.

    Args:
        table: Name of the table, for the message.
        there: What stands, as (name of the partition, plain schema).
        name: Name of the partition that ``new`` is for.
        new: Plain schema of the new rows.

    Raises:
        TargetError: A column has another type: names it, both types, both partitions, and what to do.
    """
    for where, schema in there:
        known = {field.name: field.type for field in schema}
        for field in new:
            if known.get(field.name, field.type) != field.type:
                raise TargetError(
                    f"{table}: column {field.name} is {field.type} in {name}, but "
                    f"{known[field.name]} in {where}. Nothing was changed. Cast it to {known[field.name]}, "
                    f"or write the new type to a table of another name."
                )


def check_stream(table: str, schema: pa.Schema, partition_column: str, *, ignore_case: bool = False) -> None:
    """Refuse what no store can keep as a table: no columns, a name twice, the partition column itself.

    Args:
        table: Name of the table, for the message.
        schema: Of the stream.
        partition_column: Added by the store.
        ignore_case: The store takes ``X`` and ``x`` for one column.

    Raises:
        TargetError: Says which.
    """
    known_as = {name: name.casefold() if ignore_case else name for name in [*schema.names, partition_column]}
    seen = [known_as[name] for name in schema.names]
    twice = sorted({name for name in schema.names if seen.count(known_as[name]) > 1})
    if twice:
        case = " (upper and lower case are the same to the store)" if ignore_case and len(twice) > 1 else ""
        raise TargetError(f"{table}: the stream has more than one column {', '.join(twice)}{case}")
    if known_as[partition_column] in seen:
        raise TargetError(f"{table}: leave {partition_column} out of the stream, the store adds it")
    if all(pa.types.is_null(field.type) for field in schema):
        raise TargetError(f"{table}: the stream has no column whose type is known")


def fitted(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """``batch`` with exactly the columns of ``schema``: plain, in its order, null where it lacks one."""
    names = set(batch.schema.names)
    columns = [
        batch.column(field.name).cast(field.type)
        if field.name in names
        else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _description(metadata: dict[bytes, bytes] | None) -> dict[bytes, bytes] | None:
    text = (metadata or {}).get(b"description")
    return {b"description": text} if text else None
