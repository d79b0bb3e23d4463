"""What changed from file to file, and whether the schema table knows of it."""

import gzip
from datetime import date
from pathlib import Path

import pytest

from taxi_assets.tlc.drift import Change, Layout, changes
from taxi_assets.tlc.layout import columns_of, layout_facts
from taxi_assets.tlc.schema import CSV_LACKS, published_columns
from taxi_assets.tlc.services import SERVICES, ServiceName, next_month, parse_month

JANUARY, FEBRUARY = date(2023, 1, 1), date(2023, 2, 1)


def as_published(service: ServiceName, month: date) -> dict[str, str]:
    """The columns as the schema table tells them."""
    return {str(era.name): era.types[0] for era in published_columns(service, month).values()}


@pytest.mark.parametrize("service", SERVICES)
def test_whatever_the_schema_table_tells_is_known_in_every_month(service: ServiceName) -> None:
    month, found = SERVICES[service].first_month, list[Change]()
    while month < parse_month("2026-09"):
        before = Layout(month, as_published(service, month))
        month = next_month(month)
        found += changes(service, before, Layout(month, as_published(service, month)))
    assert found
    assert [change for change in found if not change.known] == []


def test_nothing_changed_where_only_the_order_did() -> None:
    columns = as_published("green", FEBRUARY)
    reordered = dict(reversed(columns.items()))
    assert changes("green", Layout(JANUARY, as_published("green", JANUARY)), Layout(JANUARY, columns)) != []
    assert changes("green", Layout(FEBRUARY, columns), Layout(FEBRUARY, reordered)) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda columns: columns.update(surprise="int64"), Change("added", "", "surprise int64", False)),
        (lambda columns: columns.pop("extra"), Change("gone", "extra double", "", False)),
        (lambda columns: columns.update(extra="int64"), Change("type", "extra double", "extra int64", False)),
        (
            lambda columns: columns.update(EXTRA=columns.pop("extra")),
            Change("renamed", "extra double", "EXTRA double", False),
        ),
    ],
    ids=["added", "gone", "type", "renamed"],
)
def test_a_change_that_nobody_wrote_down_is_told_as_unknown(change: object, found: Change) -> None:
    columns = as_published("green", FEBRUARY)
    changed = dict(columns)
    change(changed)  # type: ignore[operator]
    march = date(2023, 3, 1)
    assert changes("green", Layout(FEBRUARY, columns), Layout(march, changed)) == [found]


def test_a_column_that_gave_its_name_to_another_is_gone_and_the_other_is_new() -> None:
    before, now = date(2010, 12, 1), date(2011, 1, 1)
    found = changes(
        "yellow", Layout(before, as_published("yellow", before)), Layout(now, as_published("yellow", now))
    )
    assert Change("gone", "payment_type string", "", True) in found
    assert Change("added", "", "payment_type int64", True) in found


def test_a_csv_copy_is_compared_by_its_names_alone(tmp_path: Path) -> None:
    path, month = tmp_path / "yellow_tripdata_2020-10.csv.gz", date(2020, 10, 1)
    names = [
        str(era.name)
        for column, era in published_columns("yellow", month).items()
        if column.name not in CSV_LACKS["yellow"]
    ]
    with gzip.open(path, "wt", encoding="utf-8") as text:
        text.write(",".join(names) + "\n")
    facts = layout_facts(path)
    assert list(columns_of(facts)) == names
    assert "rows" not in facts
    before = Layout(date(2020, 9, 1), as_published("yellow", date(2020, 9, 1)))
    (change,) = changes("yellow", before, Layout(month, columns_of(facts)))
    assert (change.kind, change.known) == ("gone", True)


def test_a_file_that_was_fetched_before_columns_were_noted_has_none() -> None:
    assert columns_of({"etag": "one"}) == {}
