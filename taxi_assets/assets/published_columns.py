"""What the UI shows of the columns of the published files: the TLC's names, and what became of them here."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from dagster import TableColumn, TableSchema

from taxi_assets.targets.target import Facts
from taxi_assets.tlc.column import Column, Published
from taxi_assets.tlc.layout import columns_of
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


def stored_columns(service: Service, month: date, facts: Facts) -> Mapping[str, Any]:
    """A file's columns as the TLC named and typed them, each with what the schema table says of it."""
    found = columns_of(facts)
    if not found:
        return {}
    meanings = {
        era.name: f"{column.meaning} [{column.unit}] Cleaned: {column.name}"
        for column, era in published_columns(service.name, month).items()
    }
    schema = TableSchema([TableColumn(name, kind, meanings.get(name)) for name, kind in found.items()])
    groups = {"row_groups": int(facts["row_groups"])} if "row_groups" in facts else {}
    return {"dagster/column_schema": schema, **groups}


def _said(service: Service, column: Column, era: Published) -> Iterator[str]:
    yield f"{column.meaning} [{column.unit}]"
    if era.name != column.name:
        yield f"Cleaned: {column.name}."
    names = {one.name: None for one in column.history[service.name] if one.name and one.name != era.name}
    if names:
        yield f"Before: {', '.join(names)}."
