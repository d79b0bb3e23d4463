"""A store takes a month that another one offers as Parquet: the same rows, the same promises.

Here is what only this way in has: an offer that is out of date, damaged, or another month's. The rest of the
suite runs over it in the slow tier, see ``from_objects.py``.
"""

import os
import time
from contextlib import nullcontext
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from threading import Timer
from typing import Any

import pyarrow as pa
import pytest

from taxi_assets.targets.duckdb import DuckDBTarget
from taxi_assets.targets.parquet import ParquetTarget
from taxi_assets.targets.target import Objects, Target, TargetError
from taxi_assets_tests.contract.loading import taker
from taxi_assets_tests.contract.rows import FEBRUARY, JANUARY, TABLE, bag, held, put, trips
from taxi_assets_tests.contract.targets import left_over
from taxi_assets_tests.contract.test_values import VALUES

KILLS = 40
ROWS = 200_000


@pytest.fixture
def source(tmp_path: Path) -> ParquetTarget:
    return ParquetTarget(url=str(tmp_path / "so[u]r*ce's"))


@pytest.fixture(params=["parquet", "duckdb"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    if request.param == "parquet":
        return ParquetTarget(url=str(tmp_path / "lake"))
    return DuckDBTarget(url=f"duckdb:///{tmp_path / 'warehouse.duckdb'}")


def offer(source: ParquetTarget, rows: pa.Table, version: str = "1") -> Objects:
    source.replace(TABLE, JANUARY, rows.to_reader(1000), {"version": version})
    objects = source.objects(TABLE, JANUARY)
    assert objects is not None
    return objects


def test_a_month_is_loaded_from_what_is_offered_and_facts_are_its_own(
    source: ParquetTarget, target: Target
) -> None:
    put(target, trips(30, 1))
    put(target, trips(10, 5, FEBRUARY), FEBRUARY)
    report = target.replace_from(TABLE, JANUARY, offer(source, trips(500, 2)), {"version": "2"})
    assert report is not None
    assert (report.rows, report.replaced_rows) == (500, 30)
    assert held(target) == bag(trips(500, 2))
    assert held(target, FEBRUARY) == bag(trips(10, 5, FEBRUARY))
    found = target.held(TABLE, JANUARY)
    assert found is not None
    assert (found.rows, dict(found.facts)) == (500, {"version": "2"})
    assert target.totals(TABLE, JANUARY, ["fare_amount"]) == source.totals(TABLE, JANUARY, ["fare_amount"])
    emptied = target.replace_from(TABLE, JANUARY, offer(source, trips(3).slice(0, 0)))
    assert emptied is not None
    assert target.partitions(TABLE)[JANUARY].rows == 0
    assert left_over(target, TABLE) == []


def test_every_type_and_value_is_what_a_stream_of_it_brings(source: ParquetTarget, target: Target) -> None:
    lists = {pa.list_(pa.int64()): [[1, None], [], None]}
    more = {
        pa.uint8(): [255, 0, None],
        pa.uint64(): [2**64 - 1, 0, None],
        pa.time64("us"): [1, 86_399_999_999, None],
    }
    examples: dict[pa.DataType, list[Any]] = {
        **{kind: [None, *_extremes(kind)] for kind in VALUES}, **lists, **more
    }  # fmt: skip
    longest = max(len(values) for values in examples.values())
    rows = pa.table(
        {
            f'{kind}, it\'s "quoted"': pa.array([*values, *[None] * (longest - len(values))], kind)
            for kind, values in examples.items()
        }
    )
    assert target.replace_from(TABLE, JANUARY, offer(source, rows)) is not None
    target.replace("streamed", JANUARY, rows.to_reader())
    found, streamed = target.read(TABLE).read_all(), target.read("streamed").read_all()
    assert found.schema == streamed.schema
    assert bag(found) == bag(streamed) == bag(rows.append_column("trip_month", pa.array([JANUARY] * longest)))


def _extremes(kind: pa.DataType) -> list[Any]:
    """Values of a type at which stores have stumbled."""
    if pa.types.is_floating(kind):
        return [float("nan"), float("inf"), float("-inf"), -0.0, 0.1]
    if pa.types.is_integer(kind):
        bits = kind.bit_width
        return [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, 0]
    if pa.types.is_timestamp(kind):
        return [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)]  # noqa: DTZ001
    named: dict[pa.DataType, list[Any]] = {
        pa.bool_(): [True, False],
        pa.string(): ["", "N/A", "é\n'\"", "x" * 5000],
        pa.binary(): [b"", b"\x00\xff"],
        pa.date32(): [date.min, date.max],
        pa.decimal128(18, 6): [Decimal("-99999999999.999999"), Decimal(0)],
    }
    return named[kind]


def test_a_column_of_another_type_is_refused_in_words_and_changes_nothing(
    source: ParquetTarget, target: Target
) -> None:
    put(target, trips(10))
    put(target, trips(5, 1, FEBRUARY), FEBRUARY)
    rows = trips(20, 2)
    position = rows.schema.get_field_index("passenger_count")
    texts = rows.set_column(position, "passenger_count", rows["passenger_count"].cast(pa.string()))
    objects = offer(source, texts)
    with pytest.raises(TargetError, match="passenger_count is string in 2024-01-01, but int64"):
        target.replace_from(TABLE, JANUARY, objects)
    assert held(target) == bag(trips(10))
    assert left_over(target, TABLE) == []


def test_columns_that_only_other_months_have_are_null(source: ParquetTarget, target: Target) -> None:
    put(target, trips(5, 1, FEBRUARY).append_column("fee", pa.array([0.5] * 5)), FEBRUARY)
    objects = offer(source, trips(20, 2))
    if target.replace_from(TABLE, JANUARY, objects) is None:  # its file would lack them
        assert isinstance(target, ParquetTarget)
        return
    assert held(target) == bag(trips(20, 2).append_column("fee", pa.nulls(20, pa.float64())))


def test_an_offer_that_was_replaced_meanwhile_is_not_taken_and_a_retry_helps(
    source: ParquetTarget, target: Target
) -> None:
    put(target, trips(10))
    old = offer(source, trips(20, 2))
    new = offer(source, trips(30, 3), "2")
    with pytest.raises(FileNotFoundError, match="replaced"):
        target.replace_from(TABLE, JANUARY, old)
    assert held(target) == bag(trips(10))
    assert target.replace_from(TABLE, JANUARY, new) is not None
    assert held(target) == bag(trips(30, 3))
    assert left_over(source, TABLE) == left_over(target, TABLE) == []


def test_files_that_were_taken_stay_what_they_were_when_their_month_is_replaced(
    source: ParquetTarget, target: Target
) -> None:
    offered = offer(source, trips(20, 2))
    assert offered.files is not None
    with offered.files() as paths:
        offer(source, trips(30, 3), "2")
        report = target.replace_from(TABLE, JANUARY, replace(offered, files=lambda: nullcontext(paths)))
    assert report is not None
    assert held(target) == bag(trips(20, 2))
    assert left_over(source, TABLE) == []


def test_an_offer_of_another_month_is_not_taken(source: ParquetTarget, target: Target) -> None:
    objects = offer(source, trips(20, 2))
    assert target.replace_from(TABLE, FEBRUARY, objects) is None
    assert target.replace_from(TABLE, None, replace(objects, root=objects.root + "x")) is None
    assert target.partitions(TABLE) == {}


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("cut off", "damaged"),
        ("pages missing", "damaged: its footer names pages that are not in it"),
        ("no Parquet", "damaged"),
        ("fewer rows", "21 rows were promised, the files hold 20"),
    ],
)
def test_a_damaged_file_is_told_of_and_changes_nothing(
    source: ParquetTarget, target: Target, tmp_path: Path, damage: str, told: str
) -> None:
    put(target, trips(10))
    objects = offer(source, trips(20, 2))
    whole = (tmp_path / "so[u]r*ce's" / TABLE / "trip_month=2024-01-01" / f"{TABLE}.parquet").read_bytes()
    broken = tmp_path / "broken"
    broken.write_bytes(
        {"cut off": whole[:-100], "pages missing": whole[200:], "no Parquet": b"<html>403</html>"}.get(
            damage, whole
        )
    )
    rows = 21 if damage == "fewer rows" else objects.rows
    with pytest.raises(TargetError, match=told):
        target.replace_from(TABLE, JANUARY, replace(objects, rows=rows, files=lambda: nullcontext([broken])))
    assert held(target) == bag(trips(10))
    assert left_over(target, TABLE) == []


@pytest.mark.slow
def test_a_loader_that_is_killed_on_this_way_leaves_the_old_month_or_the_new_one(
    source: ParquetTarget, target: Target
) -> None:
    seed = int(os.environ.get("CONTRACT_SEED", time.time_ns() % 2**32))
    print(f"CONTRACT_SEED={seed}")  # noqa: T201 - pytest shows it when the test fails
    random, old, new = Random(seed), bag(trips(100, 1)), trips(ROWS, 2)
    offer(source, new)
    usual = min(_undisturbed_seconds(source, target) for _ in range(3))
    killed = 0
    for _ in range(KILLS):
        put(target, trips(100, 1))
        with taker(source, target) as (process, says):
            assert says.recv() == "go"
            killer = Timer(usual * random.uniform(0, 1.1), process.kill)
            killer.start()
            process.join()
            killer.cancel()
            killed += process.exitcode != 0
        found = target.read(TABLE, [JANUARY], ["generation"]).read_all()["generation"]
        assert (len(found), found.unique().to_pylist()) in [(100, [1]), (ROWS, [2])]
    assert killed > KILLS // 8
    put(target, trips(100, 1))
    assert held(target) == old
    assert left_over(target, TABLE) == []


def _undisturbed_seconds(source: ParquetTarget, target: Target) -> float:
    with taker(source, target) as (_, says):
        assert says.recv() == "go"
        started = time.monotonic()
        assert says.recv() == ROWS
    return time.monotonic() - started
