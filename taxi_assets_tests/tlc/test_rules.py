"""Each rule rejects exactly what it says, keeps what is unknown, and tells all its reasons."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taxi_assets.tlc.clean import clean
from taxi_assets.tlc.rules import RULE_SETS, Thresholds, rules_for, threshold_names, variables
from taxi_assets.tlc.schema import columns
from taxi_assets.tlc.services import SERVICES, ServiceName
from taxi_assets_tests.tlc.published import GREEN_MONTH, NOON, green_file, parted, synthetic

START, END = datetime.fromisoformat("2024-01-01"), datetime.fromisoformat("2024-02-01")
TICK = timedelta(microseconds=1)


def trip(pickup: datetime, seconds: float = 60) -> Mapping[str, object]:
    return {"lpep_pickup_datetime": pickup, "lpep_dropoff_datetime": pickup + timedelta(seconds=seconds)}


def reasons(
    folder: Path,
    row: Mapping[str, object],
    rule_set: str = "default",
    thresholds: Thresholds | None = None,
) -> list[str]:
    """Why a row is rejected, standing among ordinary ones."""
    path = green_file(folder / "month.parquet", [row, {}, {}])
    valid, rejected, counts = parted(path, "green", GREEN_MONTH, folder, rule_set, thresholds)
    ordinary = 0 if rule_set == "course" else 2
    assert len(valid) >= ordinary
    found: list[str] = rejected["reasons"].to_pylist()[0] if len(rejected) else []
    assert {name for name, count in counts.items() if count} == set(found)
    return found


DEFAULT = [
    (trip(START), []),
    (trip(START - TICK), ["pickup_outside_month"]),
    (trip(END - TICK), []),
    (trip(END), ["pickup_outside_month"]),
    (trip(NOON, 0), []),
    (trip(NOON, -0.000001), ["dropoff_before_pickup"]),
    (trip(NOON, 12 * 3600), []),
    (trip(NOON, 12 * 3600 + 0.000001), ["impossible_duration"]),
    ({"fare_amount": 0.0, "total_amount": 0.0}, []),
    ({"fare_amount": -0.01}, ["negative_amount"]),
    ({"total_amount": -0.01}, ["negative_amount"]),
    ({"fare_amount": 1e9, "total_amount": 1e9}, []),
    ({"fare_amount": 1e9 + 0.01}, ["impossible_amount"]),
    ({"total_amount": float("inf")}, ["impossible_amount"]),
    ({"fare_amount": float("nan")}, ["impossible_amount"]),
    ({"fare_amount": float("nan"), "total_amount": None}, ["impossible_amount"]),
    ({"total_amount": float("-inf")}, ["negative_amount", "impossible_amount"]),
    ({"PULocationID": 1, "DOLocationID": 265}, []),
    ({"PULocationID": 0}, ["unknown_location"]),
    ({"DOLocationID": 266}, ["unknown_location"]),
    ({"trip_distance": 0.0}, []),
    ({"trip_distance": 300.0}, []),
    ({"trip_distance": 300.01}, ["impossible_distance"]),
    ({"trip_distance": -0.01}, ["impossible_distance"]),
    ({"passenger_count": 0}, []),
    (
        {**trip(END, -60), "fare_amount": -5.0, "PULocationID": 999, "trip_distance": 1e6},
        [
            *("pickup_outside_month", "dropoff_before_pickup", "negative_amount"),
            *("unknown_location", "impossible_distance"),
        ],
    ),
]


@pytest.mark.parametrize(("row", "expected"), DEFAULT)
def test_a_row_is_rejected_for_all_the_rules_that_it_breaks_and_no_other(
    tmp_path: Path, row: Mapping[str, object], expected: list[str]
) -> None:
    assert reasons(tmp_path, row) == expected


@pytest.mark.parametrize("fare", [float("nan"), float("inf"), 1e12])
def test_an_app_s_fare_that_is_no_amount_is_rejected_too(tmp_path: Path, fare: float) -> None:
    path = tmp_path / "month.parquet"
    table = synthetic(path, "fhvhv", GREEN_MONTH)
    place = table.schema.get_field_index("base_passenger_fare")
    pq.write_table(table.set_column(place, "base_passenger_fare", pa.array([fare] * len(table))), path)
    valid, _, counts = parted(path, "fhvhv", GREEN_MONTH, tmp_path)
    assert (len(valid), counts["impossible_amount"]) == (0, len(table))


NULLS = ["lpep_pickup_datetime", "lpep_dropoff_datetime", "PULocationID", "DOLocationID"]
NULLS += ["passenger_count", "trip_distance", "fare_amount", "total_amount"]


@pytest.mark.parametrize("name", NULLS)
def test_what_is_not_known_rejects_no_row(tmp_path: Path, name: str) -> None:
    assert reasons(tmp_path, {name: None}) == []


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, []),
        ({"passenger_count": None}, ["no_passenger"]),
        ({"passenger_count": 0}, ["no_passenger"]),
        ({"trip_distance": None}, ["no_distance"]),
        ({"trip_distance": 0.0, "passenger_count": -1}, ["no_passenger", "no_distance"]),
        (trip(END), []),
    ],
)
def test_the_course_asks_for_passengers_and_distance_and_nulls_go_too(
    tmp_path: Path, row: Mapping[str, object], expected: list[str]
) -> None:
    assert reasons(tmp_path, row, "course") == expected


@pytest.mark.parametrize(("row", "expected"), DEFAULT)
def test_the_empty_set_keeps_every_row(
    tmp_path: Path, row: Mapping[str, object], expected: list[str]
) -> None:
    assert reasons(tmp_path, row, "none") == []


@settings(max_examples=15, deadline=None)
@given(hours=st.integers(2, 200).map(lambda tenth: tenth / 10), miles=st.integers(150, 10**6))
def test_thresholds_are_the_last_value_that_passes(
    tmp_path_factory: pytest.TempPathFactory, hours: float, miles: int
) -> None:
    folder, thresholds = tmp_path_factory.mktemp("rules"), Thresholds(hours, miles / 100)
    last = {**trip(NOON, round(hours * 3600)), "trip_distance": miles / 100}
    assert reasons(folder, last, thresholds=thresholds) == []
    beyond = {**trip(NOON, round(hours * 3600) + 1), "trip_distance": miles / 100 + 0.01}
    assert reasons(folder, beyond, thresholds=thresholds) == ["impossible_duration", "impossible_distance"]


def test_the_edges_of_a_month_follow_the_calendar() -> None:
    edges = variables(date(2024, 2, 1), Thresholds())
    assert edges["month_end"] == datetime.fromisoformat("2024-03-01")
    assert variables(date(2024, 12, 1), Thresholds())["month_end"] == datetime.fromisoformat("2025-01-01")
    assert set(threshold_names()) == edges.keys() - {"month_start", "month_end"}


def test_an_unknown_rule_set_is_refused_with_the_ones_there_are(tmp_path: Path) -> None:
    path = green_file(tmp_path / "month.parquet", [{}])
    with pytest.raises(
        ValueError, match=r"^There is no rule set 'strict'; choose one of default, course, none\.$"
    ):
        clean(path, "green", GREEN_MONTH, tmp_path, "strict").__enter__()


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("rule_set", RULE_SETS)
def test_a_service_has_the_rules_that_its_columns_allow_each_name_once(
    service: ServiceName, rule_set: str
) -> None:
    names = {column.name for column in columns(service)}
    rules = rules_for(service, rule_set)
    assert len({rule.name for rule in rules}) == len(rules)
    for rule in RULE_SETS[rule_set]:
        assert (rule in rules) == (rule.needs <= names)
        assert rule.why.endswith(".")


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_rule_means_tells_the_limit_that_it_judges_by(service: ServiceName) -> None:
    limits = {"max_duration_hours": "12 hours", "max_distance_miles": "300 miles"}
    for rule in rules_for(service, "default"):
        for name, limit in limits.items():
            assert (name in rule.predicate) == (limit in rule.why), rule.name
