"""Which column is made of which: from the TLC's own names, as they were that month, to every store."""

from taxi_assets.assets.common import trips_key
from taxi_assets.targets.target import Lineage
from taxi_assets.tlc.csv_copy import is_csv
from taxi_assets.tlc.schema import CSV_LACKS, columns, published_columns
from taxi_assets.tlc.services import Service, parse_month


def lineage_of(stage: str, service: Service, month_key: str, file_name: str = "") -> Lineage:
    """Where the columns of a month of trips are from.

    Args:
        stage: First part of the asset's key.
        service: Whose trips.
        month_key: Which month.
        file_name: Of the published file: a CSV copy lacks some columns.
    """
    if stage == "raw":
        return {}
    if stage not in ("cleaned", "quarantined"):
        cleaned = trips_key("cleaned", service).path
        return {column.name: [(cleaned, column.name)] for column in columns(service.name)}
    raw, lacks = trips_key("raw", service).path, CSV_LACKS[service.name] if is_csv(file_name) else frozenset()
    published = published_columns(service.name, parse_month(month_key))
    return {
        column.name: [(raw, era.name)]
        for column, era in published.items()
        if era.name and column.name not in lacks
    }
