"""The known row counts of published months."""

from datetime import UTC, date, datetime
from importlib.resources import files

from taxi_assets.tlc.published import PublishedRows, published_rows
from taxi_assets.tlc.services import SERVICES, month_key, next_month


def test_a_counted_month_is_told_with_the_time_of_its_publication() -> None:
    assert published_rows("green", date(2020, 12, 1)) == PublishedRows(
        83130, datetime(2022, 6, 30, 3, 16, 18, tzinfo=UTC)
    )


def test_a_month_without_a_known_publication_time_still_tells_its_rows() -> None:
    found = published_rows("fhv", date(2025, 1, 1))
    assert found == PublishedRows(1_898_108, None)


def test_nobody_counted_a_month_that_is_not_published() -> None:
    assert published_rows("green", date(2013, 8, 1)) is None
    assert published_rows("yellow", date(2099, 1, 1)) is None


def test_every_line_of_the_file_is_one_month_of_a_service_and_has_rows() -> None:
    text = files("taxi_assets.tlc").joinpath("published_rows.tsv").read_text(encoding="utf-8")
    lines = [line.split("\t") for line in text.splitlines() if not line.startswith("#")][1:]
    assert len(lines) == len({(service, month) for service, month, *_ in lines}) == 589
    counted = 0
    for service in SERVICES.values():
        month = service.first_month
        while month < date(2026, 12, 1):
            found = published_rows(service.name, month)
            counted += found is not None
            assert found is None or found.rows > 30_000, (service.name, month_key(month))
            month = next_month(month)
    assert counted == len(lines)
