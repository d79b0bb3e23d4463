"""What a published file adds up to, asked of the file itself: the other side of every reconciliation."""

import tempfile
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

from taxi_assets.exact_sums import all_added, two_sums
from taxi_assets.tlc.conform import SCAN, open_published
from taxi_assets.tlc.engine import engine
from taxi_assets.tlc.schema import money_columns
from taxi_assets.tlc.services import ServiceName


def published_totals(
    path: Path, service: ServiceName, month: date, scratch: Path
) -> tuple[int, Mapping[str, Decimal]]:
    """Rows of a published file, and the exact sums of its dollars by canonical column.

    Every amount is rounded to 6 decimals before it is added, as the targets do, so that sums are exact
    and can be compared for equality whatever the order of the rows.

    Raises:
        NonConforming: See ``conform``.
    """
    with tempfile.TemporaryDirectory(dir=scratch) as directory, engine(Path(directory)) as connection:
        published = open_published(path, service, month, Path(directory), connection)
        value = {conversion.column.name: conversion.value for conversion in published.conversions}
        names = money_columns(service)
        sums = [two_sums(value[name]) for name in names]
        terms = ", ".join(["count(*)", *sums])
        with published.reading(connection):
            rows, *found = connection.execute(f"SELECT {terms} FROM {SCAN}").fetchall()[0]  # noqa: S608
    return rows, all_added(names, found)
