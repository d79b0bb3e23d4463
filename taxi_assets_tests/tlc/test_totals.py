"""What a file adds up to, against an addition in Python that shares no code with it."""

import math
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from taxi_assets.tlc.conform import NonConforming
from taxi_assets.tlc.schema import money_columns, published_columns
from taxi_assets.tlc.services import SERVICES, ServiceName
from taxi_assets.tlc.synthetic import write_csv_month, write_month
from taxi_assets.tlc.totals import published_totals
from taxi_assets_tests.tlc.published import GREEN_MONTH, conformed, green_file, parted

MILLIONTH = Decimal("0.000001")


def added(values: list[float | None]) -> Decimal:
    rounded = (
        Decimal(repr(value)).quantize(MILLIONTH, ROUND_HALF_UP) for value in values if value is not None
    )
    return sum(rounded, Decimal(0))


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("month", [date(2019, 3, 1), date(2021, 2, 1), date(2025, 6, 1)])
def test_totals_are_those_of_an_addition_of_decimals(
    tmp_path: Path, service: ServiceName, month: date
) -> None:
    path = tmp_path / "month.parquet"
    write_month(path, SERVICES[service], month, 3_000)
    raw = pq.read_table(path)
    names = {column.name: how.name for column, how in published_columns(service, month).items()}
    rows, sums = published_totals(path, service, month, tmp_path)
    assert rows == 3_000
    assert tuple(sums) == money_columns(service)
    for name, total in sums.items():
        assert total == (added(raw[names[name]].to_pylist()) if name in names else 0), name


def test_totals_are_those_of_the_cleaned_and_the_rejected_rows(tmp_path: Path) -> None:
    path = tmp_path / "month.parquet"
    write_month(path, SERVICES["yellow"], GREEN_MONTH, 5_000)
    cleaned, rejected, _ = parted(path, "yellow", GREEN_MONTH, tmp_path)
    _, sums = published_totals(path, "yellow", GREEN_MONTH, tmp_path)
    for name, total in sums.items():
        assert total == added(cleaned[name].to_pylist()) + added(rejected[name].to_pylist())


def test_a_csv_copy_adds_up_to_what_its_parquet_does(tmp_path: Path) -> None:
    month = date(2020, 10, 1)
    parquet, copy = tmp_path / "month.parquet", tmp_path / "month.csv.gz"
    write_month(parquet, SERVICES["green"], month, 2_000)
    write_csv_month(copy, SERVICES["green"], month, 2_000)
    one, other = (published_totals(path, "green", month, tmp_path) for path in (parquet, copy))
    assert one == other
    assert sorted(file.name for file in tmp_path.iterdir()) == ["month.csv.gz", "month.parquet"]


def test_no_order_and_no_float_error_changes_a_sum(tmp_path: Path) -> None:
    fares = [0.1] * 1000 + [1e9, -1e9 + 0.01, 0.0000005, 0.0000004]
    path = green_file(tmp_path / "month.parquet", [{"fare_amount": fare} for fare in fares])
    backwards = green_file(tmp_path / "back.parquet", [{"fare_amount": fare} for fare in reversed(fares)])
    found = [
        published_totals(each, "green", GREEN_MONTH, tmp_path)[1]["fare_amount"] for each in (path, backwards)
    ]
    assert found == [Decimal("100.010001")] * 2
    assert sum(fares) != 100.010001


def test_amounts_that_are_no_number_are_left_out_and_an_empty_file_adds_up_to_nothing(tmp_path: Path) -> None:
    odd = [{"fare_amount": value} for value in (float("nan"), float("inf"), None, 2.5)]
    path = green_file(tmp_path / "month.parquet", odd)
    rows, sums = published_totals(path, "green", GREEN_MONTH, tmp_path)
    assert (rows, sums["fare_amount"]) == (4, Decimal("2.5"))
    assert len(conformed(path, "green", GREEN_MONTH, tmp_path)) == 4
    rows, sums = published_totals(green_file(path, []), "green", GREEN_MONTH, tmp_path)
    assert (rows, set(sums.values())) == (0, {Decimal(0)})


def test_rejected_amounts_that_are_no_number_or_huge_do_not_break_the_proof(tmp_path: Path) -> None:
    odd = [{"fare_amount": fare} for fare in (float("nan"), float("inf"), 123456789012.25, 2.5)]
    path = green_file(tmp_path / "month.parquet", odd)
    cleaned, rejected, counts = parted(path, "green", GREEN_MONTH, tmp_path)
    assert (cleaned["fare_amount"].to_pylist(), counts["impossible_amount"]) == ([2.5], 3)
    _, sums = published_totals(path, "green", GREEN_MONTH, tmp_path)
    finite = [fare for fare in rejected["fare_amount"].to_pylist() if math.isfinite(fare)]
    assert sums["fare_amount"] == added([2.5]) + added(finite) == Decimal("123456789014.75")


def test_damaged_pages_are_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "month.parquet"
    write_month(path, SERVICES["green"], GREEN_MONTH, 2_000)
    content = bytearray(path.read_bytes())
    group = pq.read_metadata(path).row_group(0)
    columns = {
        group.column(number).path_in_schema: group.column(number) for number in range(group.num_columns)
    }
    fares = columns["fare_amount"]
    start, size = fares.dictionary_page_offset or fares.data_page_offset, fares.total_compressed_size
    content[start : start + size] = b"\xff" * size
    path.write_bytes(bytes(content))
    with pytest.raises(NonConforming, match=r"^month.parquet: .*; fetch it again\.$"):
        published_totals(path, "green", GREEN_MONTH, tmp_path)
