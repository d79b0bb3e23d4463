"""Names of published files."""

from datetime import date

import pytest

from taxi_assets.tlc.services import SERVICES, Service
from taxi_assets.tlc.source import parse_file_name
from taxi_assets.tlc.source.names import SUFFIXES


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda service: service.name)
def test_a_name_says_its_service_and_month(service: Service, suffix: str) -> None:
    month = date(2024, 1, 1)
    assert parse_file_name(service.file_name(month, suffix)) == (service.name, month, suffix)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "green_tripdata_2024-00.parquet",
        "green_tripdata_2024-13.parquet",
        "green_tripdata_0000-01.parquet",
        "green_tripdata_2024-01.parquet.part",
        "green_tripdata_2024-01.PARQUET",
        "green_tripdata_2024-1.parquet",
        "Green_tripdata_2024-01.parquet",
        "black_tripdata_2024-01.parquet",
        "a/green_tripdata_2024-01.parquet",
        "green_tripdata_2024-01.parquet\n",
        "green_tripdata_٢٠٢٤-01.parquet",
    ],
)
def test_any_other_name_is_none(name: str) -> None:
    assert parse_file_name(name) is None
