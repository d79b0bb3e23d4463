"""The table against what the published files were seen to be."""

import json
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from taxi_assets.tlc.schema import CSV_LACKS, IGNORED_COLUMNS, columns, money_columns, published_columns
from taxi_assets.tlc.services import SERVICES, ServiceName, month_key, next_month, parse_month
from taxi_assets.tlc.synthetic import published_schema


@pytest.fixture(scope="module")
def eras() -> dict[ServiceName, list[dict[str, Any]]]:
    folder = os.environ.get("TAXI_REAL_DATA")
    if not folder:
        pytest.skip("TAXI_REAL_DATA is not set: no facts about the published files")
    facts: dict[str, Any] = json.loads((Path(folder) / "facts" / "schema_eras.json").read_text())
    return facts["parquet"]  # type: ignore[no-any-return]


def months_of(era: dict[str, Any]) -> Iterator[date]:
    month = parse_month(era["from"])
    while month <= parse_month(era["to"]):
        yield month
        month = next_month(month)


def seen_types(text: str) -> set[str]:
    """``null or double (not proven)`` as {null, double}."""
    return set(text.split(" (")[0].replace("timestamp[us]", "timestamp").split(" or "))


@pytest.mark.parametrize("service", SERVICES)
def test_every_month_of_every_era_has_the_names_and_types_that_the_table_says(
    service: ServiceName, eras: dict[ServiceName, list[dict[str, Any]]]
) -> None:
    compared = 0
    for era in eras[service]:
        seen = {column["name"]: seen_types(column["type"]) for column in era["columns"]}
        for month in months_of(era):
            told = {how.name: set(how.types) for how in published_columns(service, month).values()}
            assert told.keys() == seen.keys() - IGNORED_COLUMNS.keys(), month_key(month)
            wrong = {name: seen[name] for name in told if name and not seen[name] <= told[name]}
            assert not wrong, month_key(month)
            compared += 1
    assert compared > 80


@pytest.mark.parametrize("service", SERVICES)
def test_a_synthetic_month_has_the_columns_of_the_published_one_in_the_published_order(
    service: ServiceName, eras: dict[ServiceName, list[dict[str, Any]]]
) -> None:
    for era in eras[service]:
        names = [column["name"] for column in era["columns"]]
        for month in months_of(era):
            schema = published_schema(service, month)
            assert schema.names == names, month_key(month)
            # Where facts name several types, only those; where the table does, the facts' or the table's.
            told = {how.name: set(how.types) for how in published_columns(service, month).values()}
            for column in era["columns"]:
                allowed = seen_types(column["type"]) | told.get(column["name"], set())
                drawn = str(schema.field(column["name"]).type).replace("timestamp[us]", "timestamp")
                assert drawn in allowed, (month_key(month), column["name"])


@pytest.mark.parametrize("service", SERVICES)
def test_every_column_is_published_in_some_month_and_described(service: ServiceName) -> None:
    for column in columns(service):
        assert any(era.name for era in column.history[service]), column.name
        assert column.meaning.endswith("."), column.name
        assert column.unit, column.name
        starts = [era.since for era in column.history[service]]
        assert starts == sorted(set(starts)), column.name
        assert starts[0] >= SERVICES[service].first_month, column.name


@pytest.mark.parametrize("service", SERVICES)
def test_no_raw_name_of_a_month_means_two_columns(service: ServiceName) -> None:
    month = SERVICES[service].first_month
    while month < date(2027, 1, 1):
        names = [how.name.casefold() for how in published_columns(service, month).values() if how.name]
        assert len(names) == len(set(names)), month_key(month)
        month = next_month(month)


@pytest.mark.parametrize("service", SERVICES)
def test_what_the_csv_copies_lack_are_columns_of_the_service(service: ServiceName) -> None:
    assert {column.name for column in columns(service)} >= CSV_LACKS[service]


def test_money_is_what_is_counted_in_dollars() -> None:
    assert "total_amount" in money_columns("yellow")
    assert "driver_pay" in money_columns("fhvhv")
    assert "trip_distance" not in money_columns("green")
    assert money_columns("fhv") == ()
