"""Creating a table, and keeping what it says about itself up to date: descriptions, labels."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from taxi_assets.targets.bigquery.connection import Connection
from taxi_assets.targets.bigquery.replace import month_partitioning
from taxi_assets.targets.bigquery.schema import Layout, description

if TYPE_CHECKING:
    from google.cloud import bigquery

_DESCRIPTION_LENGTH = 16_384  # of a table; a column's is 1,024


def create(
    connection: Connection,
    name: str,
    layout: Layout,
    partition_column: str | None,
    cluster_by: Sequence[str],
    labels: dict[str, str],
) -> None:
    """Create the table; one that another month created meanwhile will do as well."""
    from google.cloud import bigquery

    table = bigquery.Table(connection.place.table(name), schema=layout.fields)
    if partition_column is not None:
        table.time_partitioning = month_partitioning(partition_column)
    table.clustering_fields = list(cluster_by) or None
    table.description = description(layout.arrow.metadata, _DESCRIPTION_LENGTH)
    table.labels = labels
    connection.client.create_table(table, exists_ok=True, retry=connection.retry)


def describe(connection: Connection, table: "bigquery.Table", layout: Layout, labels: dict[str, str]) -> None:
    """Bring descriptions and labels up to date, in one request and only if something changed.

    New columns are not added here but with the rows that need them.
    """
    from google.api_core.exceptions import PreconditionFailed

    wanted = {field.name: field for field in layout.fields}
    schema = [_described(field, wanted[field.name].description) for field in table.schema]
    told = description(layout.arrow.metadata, _DESCRIPTION_LENGTH) or table.description
    changed = {
        "schema": schema != list(table.schema),
        "description": told != table.description,
        "labels": not labels.items() <= (table.labels or {}).items(),
    }
    names = [name for name, differs in changed.items() if differs]
    if not names:
        return
    table.schema, table.description, table.labels = schema, told, {**(table.labels or {}), **labels}
    try:
        connection.client.update_table(table, names, retry=connection.retry)
    except PreconditionFailed:
        # Another month changed the table since we read it: it comes from the same code, so it said the same.
        return


def _described(field: "bigquery.SchemaField", text: str | None) -> "bigquery.SchemaField":
    """``field`` with ``text``, or as it is where there is nothing to say."""
    from google.cloud import bigquery

    if not text or text == field.description:
        return field
    return bigquery.SchemaField.from_api_repr({**field.to_api_repr(), "description": text})
