"""Made-up months as the source."""

import csv
import importlib.util
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from taxi_assets.tlc.services import SERVICES, Service
from taxi_assets.tlc.source import NotPublished, open_source
from taxi_assets_tests.tlc.source.conftest import GREEN, MONTH, NAME

needs_maker = pytest.mark.skipif(
    importlib.util.find_spec("taxi_assets.tlc.synthetic") is None, reason="needs taxi_assets.tlc.synthetic"
)


@needs_maker
def test_the_same_setting_makes_the_same_month(tmp_path: Path) -> None:
    source = open_source("synthetic?rows=500&seed=7")
    first = source.fetch(GREEN, MONTH, tmp_path / "one")
    second = source.fetch(GREEN, MONTH, tmp_path / "two")
    other = open_source("synthetic?rows=500&seed=8").fetch(GREEN, MONTH, tmp_path / "three")
    assert first is not None
    assert second is not None
    assert other is not None
    assert first.path == tmp_path / "one" / NAME
    assert pq.read_metadata(first.path).num_rows == 500
    assert first.facts["sha256"] == second.facts["sha256"] != other.facts["sha256"]
    assert first.facts["url"] == "synthetic?rows=500&seed=7"
    assert first.facts["etag"] == "synthetic-1-500-7"


@needs_maker
def test_a_month_is_made_anew_only_for_another_setting(tmp_path: Path) -> None:
    source = open_source("synthetic?rows=100")
    first = source.fetch(GREEN, MONTH, tmp_path)
    assert first is not None
    assert source.fetch(GREEN, MONTH, tmp_path, known=first.facts) is None
    assert source.look(GREEN, MONTH, known=first.facts).state == "unchanged"
    assert open_source("synthetic?rows=101").look(GREEN, MONTH, known=first.facts).state == "changed"


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_there_is_no_month_before_the_first(tmp_path: Path, service: Service) -> None:
    source = open_source("synthetic")
    before = (service.first_month - timedelta(days=1)).replace(day=1)
    assert source.look(service, before).state == "unpublished"
    assert source.look(service, service.first_month).state == "new"
    with pytest.raises(NotPublished, match=f"first {service.name} month is {service.first_month:%Y-%m}"):
        source.fetch(service, before, tmp_path)


def test_the_made_up_zones_look_like_the_real_ones(tmp_path: Path) -> None:
    path = open_source("synthetic").fetch_zones(tmp_path).path
    lines = path.read_bytes().split(b"\r\n")
    assert lines[0] == b'"LocationID","Borough","Zone","service_zone"'
    assert lines[264:] == [b'264,"Unknown","N/A","N/A"', b'265,"N/A","Outside of NYC","N/A"', b""]
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [int(row["LocationID"]) for row in rows] == list(range(1, 266))


def test_the_made_up_zones_agree_with_the_real_ones_where_it_matters(
    tmp_path: Path, real_file: Callable[[str], Path]
) -> None:
    made = open_source("synthetic").fetch_zones(tmp_path).path.read_bytes().split(b"\r\n")
    real = (real_file("zones") / "taxi_zone_lookup.csv").read_bytes().split(b"\r\n")
    for number in (0, 1, 132, 138, 264, 265):
        assert made[number] == real[number]
