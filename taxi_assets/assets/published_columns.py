"""What the UI shows of the columns of the published files: the TLC's names, and what became of them here."""

from collections.abc import Iterator
from datetime import date

from dagster import TableColumn, TableSchema

from taxi_assets.tlc.column import Column, Published
from taxi_assets.tlc.schema import published_columns
from taxi_assets.tlc.services import Service


def newest_columns(service: Service) -> TableSchema:
    """The columns of the newest files, with the names that they had in older ones.

    A service's files speak up to five dialects; the page of one month tells which file it is, and this is
    the one that a person meets first. docs/schema.md has them all.
    """
    newest = published_columns(service.name, date.max)
    return TableSchema(
        [
            TableColumn(era.name or column.name, "|".join(era.types), " ".join(_said(service, column, era)))
            for column, era in newest.items()
        ]
    )


def _said(service: Service, column: Column, era: Published) -> Iterator[str]:
    yield f"{column.meaning} [{column.unit}]"
    if era.name != column.name:
        yield f"Cleaned: {column.name}."
    names = {one.name: None for one in column.history[service.name] if one.name and one.name != era.name}
    if names:
        yield f"Before: {', '.join(names)}."
