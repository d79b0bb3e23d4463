"""Which types DuckDB sees in a query, and in an Arrow schema."""

import pyarrow as pa

from taxi_assets.targets.duckdb_file import Connection

_LOOKED_AT = "_looked_at"


def selected_types(connection: Connection, columns: str, source: str) -> dict[str, str]:
    """Columns and types of a query, which is not run."""
    rows = connection.execute(f"DESCRIBE SELECT {columns} FROM {source}").fetchall()  # noqa: S608
    return {row[0]: row[1] for row in rows}


def arrow_types(connection: Connection, schema: pa.Schema) -> dict[str, str]:
    """DuckDB's own idea of the Arrow types."""
    connection.register(_LOOKED_AT, schema.empty_table())
    found = selected_types(connection, "*", _LOOKED_AT)
    connection.unregister(_LOOKED_AT)
    return found
