"""A month is replaced whole: any number of times, by more, by fewer, by no rows."""

import json
from collections.abc import Sequence
from datetime import date
from functools import partial

import pyarrow as pa
import pytest

from taxi_assets.targets.lazy import Guarded, SettledFacts
from taxi_assets.targets.target import Facts, Held, Target
from taxi_assets_tests.contract.rows import FEBRUARY, JANUARY, MARCH, TABLE, bag, held, put, trips
from taxi_assets_tests.contract.targets import left_over


def test_loading_a_month_again_keeps_its_rows_stray_dates_included(target: Target) -> None:
    january, february = trips(500, 1), trips(300, 2, FEBRUARY)
    put(target, january)
    put(target, february, FEBRUARY)
    for _ in range(3):
        put(target, january)
        assert held(target) == bag(january)
    assert held(target, FEBRUARY) == bag(february)
    assert {month: one.rows for month, one in target.partitions(TABLE).items()} == {
        JANUARY: 500,
        FEBRUARY: 300,
    }
    assert left_over(target, TABLE) == []


@pytest.mark.parametrize("sizes", [(900, 30), (30, 900), (900, 0, 1)], ids=["shrinks", "grows", "empties"])
def test_a_month_holds_what_was_put_last_and_nothing_else(target: Target, sizes: Sequence[int]) -> None:
    for generation, size in enumerate(sizes):
        rows = trips(size, generation)
        put(target, rows)
        assert held(target) == bag(rows)
        assert target.partitions(TABLE)[JANUARY].rows == size
    assert left_over(target, TABLE) == []


def test_a_month_that_shrinks_from_31_days_to_30_keeps_no_thirty_first(target: Target) -> None:
    put(target, trips(400, 1, days=31))
    put(target, trips(400, 2, days=30))
    assert held(target) == bag(trips(400, 2, days=30))
    assert left_over(target, TABLE) == []


def test_a_replace_reports_what_it_put_and_what_it_replaced(target: Target) -> None:
    first = target.replace(TABLE, JANUARY, trips(20).to_reader())
    second = target.replace(TABLE, JANUARY, trips(30).to_reader())
    other = target.replace(TABLE, FEBRUARY, trips(10, 0, FEBRUARY).to_reader())
    assert [(one.rows, one.replaced_rows) for one in (first, second, other)] == [
        (20, None),
        (30, 20),
        (10, None),
    ]
    assert all(one.bytes >= 0 and one.seconds for one in (first, second, other))


def test_partitions_tells_rows_and_facts_of_what_was_put_last(target: Target) -> None:
    assert target.partitions(TABLE) == {}
    assert target.held(TABLE, JANUARY) is None
    target.replace(TABLE, MARCH, trips(5, 3, MARCH).to_reader(), {"version": "a", "source": "Büro/ß.parquet"})
    target.replace(TABLE, JANUARY, trips(7).to_reader(), {"version": "b"})
    target.replace(TABLE, JANUARY, trips(0).to_reader(), {"version": "c", "note": "it's empty"})
    found = target.partitions(TABLE)
    assert list(found) == [JANUARY, MARCH]
    assert (found[JANUARY].rows, dict(found[JANUARY].facts)) == (0, {"version": "c", "note": "it's empty"})
    assert (found[MARCH].rows, found[MARCH].version) == (5, "a")
    assert found[MARCH].facts["source"] == "Büro/ß.parquet"
    assert target.held(TABLE, MARCH) == found[MARCH]


def test_facts_of_many_kilobytes_are_remembered(target: Target) -> None:
    facts = {"version": "1", "profile": json.dumps({"é": list(range(5_000))})}
    target.replace(TABLE, JANUARY, trips(3, 1).to_reader(), facts)
    assert target.held(TABLE, JANUARY) == Held(3, facts)
    assert target.partitions(TABLE)[JANUARY].facts == facts


def test_facts_that_are_counted_on_the_way_are_stored_with_the_rest(target: Target) -> None:
    for size in (700, 0):
        rows = Guarded(trips(size).to_reader(100))
        facts = SettledFacts({"version": "1"}, partial(_count, rows), rows)
        target.replace(TABLE, JANUARY, rows.reader, facts)
        standing = target.held(TABLE, JANUARY)
        assert standing is not None
        assert dict(standing.facts) == {"version": "1", "counted": str(size)}


def _count(rows: Guarded) -> Facts:
    assert rows.ended, "asked before the last row"
    return {"counted": str(rows.rows)}


def test_a_table_without_partitions_is_replaced_whole(target: Target) -> None:
    for size in (265, 266, 3):
        zones = trips(size, size)
        put(target, zones, None, "zones")
        assert held(target, None, "zones") == bag(zones)
        assert target.read("zones").schema.names == zones.schema.names
    assert {key: one.rows for key, one in target.partitions("zones").items()} == {None: 3}
    assert target.totals("zones", None, ["passenger_count"]).rows == 3


def test_the_partition_column_comes_last_and_is_the_month(target: Target) -> None:
    put(target, trips(5))
    put(target, trips(5, 1, FEBRUARY), FEBRUARY)
    found = target.read(TABLE, [FEBRUARY, JANUARY]).read_all()
    assert found.schema.names[-1] == "trip_month"
    assert found.schema.field("trip_month").type == pa.date32()
    assert found["trip_month"].to_pylist() == [FEBRUARY] * 5 + [JANUARY] * 5


def test_a_table_of_another_name_is_left_alone(target: Target) -> None:
    put(target, trips(5), table="green_trips_2")
    put(target, trips(6))
    put(target, trips(7))
    assert target.partitions("green_trips_2")[JANUARY].rows == 5
    assert date(2024, 1, 1) in target.partitions(TABLE)
