"""A month of each mart, made by SQL in DuckDB and in BigQuery's emulator, equals what plain Python finds."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from taxi_assets.assets.marts import MartMonth
from taxi_assets.marts import page
from taxi_assets.marts.query import month_query
from taxi_assets.marts.table import MARTS, TRIPS_DAILY, ZONE_REVENUE_MONTHLY, Mart
from taxi_assets.targets.selecting import Selects
from taxi_assets.targets.target import Target
from taxi_assets.tlc.measures import MEASURES
from taxi_assets.tlc.schema import canonical_schema, columns
from taxi_assets.tlc.services import SERVICES, ServiceName
from taxi_assets_tests.contract.targets import TARGETS, Servers
from taxi_assets_tests.marts.conftest import PAGE, questions

JANUARY, FEBRUARY, MARCH = date(2023, 1, 1), date(2023, 2, 1), date(2023, 3, 1)
NAN, INFINITE = float("nan"), float("inf")
ZONES = {1: ("EWR", "Newark Airport"), 7: ("Queens", "Astoria"), 264: ("Unknown", "N/A")}

Row = dict[str, Any]


def _at(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _trips(service: ServiceName, odd: bool) -> list[Row]:
    """Trips with strays, no dropoff, no zone, and amounts that are not finite or not there."""
    money = MEASURES[service].revenue or ("total_amount",)
    tip, miles = ("tips", "trip_miles") if service == "fhvhv" else ("tip_amount", "trip_distance")
    lines: list[tuple[str | None, str | None, int | None, float | None, float | None, float | None]] = [
        ("2023-01-05T10:00:00", "2023-01-05T10:30:00.900000", 7, 10.1, 0.2, 1.5),
        ("2023-01-05T23:59:59.999999", "2023-01-06T00:00:00", 7, 0.1, 0.1, 0.1),
        ("2023-01-31T12:00:00", None, 264, 0.0, None, None),
    ]
    if odd:
        lines += [
            ("2008-12-31T23:02:00", "2009-01-01T01:02:03", 1, NAN, NAN, NAN),
            ("2023-02-01T00:00:00", "2023-02-01T00:00:10", None, INFINITE, 1e15, -INFINITE),
            (None, "2023-01-05T10:30:00", 999, None, None, None),
            ("2023-01-31T12:00:00", "2023-01-31T11:00:00", 999, -7.25, -1.0, 12.345678),
        ]
    known = {column.name for column in columns(service)}
    rows = []
    for pickup, dropoff, zone, amount, tips, distance in lines:
        row = {"pickup_at": _at(pickup), "dropoff_at": _at(dropoff), "pu_location_id": zone, miles: distance}
        row |= dict.fromkeys(money, amount) | {tip: tips}
        rows.append({name: value for name, value in row.items() if name in known})
    return rows


PUBLISHED: dict[date, dict[ServiceName, list[Row]]] = {
    JANUARY: {name: _trips(name, odd=True) for name in SERVICES},
    FEBRUARY: {"fhv": _trips("fhv", odd=False), "green": []},
}


@pytest.fixture(scope="module")
def warehouses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Target]]:
    """Both warehouses, holding the same months of the same services; ``yellow`` has no February."""
    directory = tmp_path_factory.mktemp("warehouses")
    with ExitStack() as stack:
        servers = Servers(directory, stack)
        found = {name: TARGETS[name](servers, directory) for name in ("duckdb", "bigquery")}
        for target in found.values():
            _fill(target)
        yield found


def _fill(target: Target) -> None:
    for month, services in PUBLISHED.items():
        for service, rows in services.items():
            table = pa.Table.from_pylist(rows, schema=canonical_schema(service))
            target.replace(f"{service}_trips", month, table.to_reader(), {"version": f"{service} {month}"})
    zones = {
        "location_id": pa.array(list(ZONES), pa.int32()),
        "borough": [borough for borough, _ in ZONES.values()],
        "zone": [zone for _, zone in ZONES.values()],
    }
    target.replace("zones", None, pa.table(zones).to_reader())


def made(mart: Mart, target: Target, month: date) -> pa.Table:
    with MartMonth(mart, target, month).partition().open() as found:
        return pa.RecordBatchReader.from_stream(found).read_all()


def test_every_warehouse_makes_what_plain_python_makes(warehouses: dict[str, Target]) -> None:
    for month in (JANUARY, FEBRUARY, MARCH):
        for mart in MARTS:
            wanted = _expected(mart, month)
            for name, target in warehouses.items():
                found = made(mart, target, month)
                assert found.schema == mart.schema, name
                assert _sorted(found.to_pylist()) == wanted, (name, mart.name, month)
    strays = {(row["day"], row["is_stray"]) for row in _expected(TRIPS_DAILY, JANUARY)}
    assert {(date(2008, 12, 31), True), (date(2023, 2, 1), True), (None, True)} < strays


def test_the_questions_of_the_page_get_the_same_answers_from_both(warehouses: dict[str, Target]) -> None:
    answers: dict[str, list[list[Row]]] = {name: [] for name in warehouses}
    for name, target in warehouses.items():
        assert isinstance(target, Selects)
        for mart in MARTS:
            target.replace(mart.name, JANUARY, made(mart, target, JANUARY).to_reader())
        for question in questions("-- The services", "-- The best day", "-- Where a mile"):
            sql = question.replace(">= 100", ">= 1")
            for mart in MARTS:
                sql = sql.replace(f"FROM {mart.name}", f"FROM {target.sql_name(mart.name)}")
            answers[name].append([_plain(row) for row in target.select(sql).read_all().to_pylist()])
    assert answers["duckdb"] == answers["bigquery"]
    assert all(answers["duckdb"])


def _plain(row: Row) -> Row:
    """A row whose sums of integers are integers: DuckDB has them as decimals without places."""
    return {name: int(value) if isinstance(value, Decimal) else value for name, value in row.items()}


def test_the_columns_on_the_page_are_those_of_the_marts() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page.made(text), f"run {page.COMMAND}"


def test_without_the_zones_trips_are_counted_by_id_alone(tmp_path: Path) -> None:
    target = TARGETS["duckdb"](Servers(tmp_path, ExitStack()), tmp_path)
    trips = pa.Table.from_pylist(_trips("green", odd=False), schema=canonical_schema("green"))
    target.replace("green_trips", JANUARY, trips.to_reader())
    rows = _sorted(made(ZONE_REVENUE_MONTHLY, target, JANUARY).to_pylist())
    assert [(row["location_id"], row["zone"], row["trips"]) for row in rows] == [(264, None, 1), (7, None, 2)]


@pytest.mark.parametrize("mart", MARTS, ids=lambda mart: mart.name)
def test_every_service_is_read_for_the_one_month_and_no_other(mart: Mart) -> None:
    tables = [f"{service}_trips" for service in SERVICES]
    sql = month_query(mart, JANUARY, "bigquery", [*tables, *mart.joins], lambda table: f"`p.d.{table}`")
    for table in tables:
        assert f"FROM `p.d.{table}` AS {table}\n  WHERE\n    trip_month = CAST('2023-01-01' AS DATE)" in sql


def test_the_version_tells_what_the_month_is_made_of(tmp_path: Path) -> None:
    target = TARGETS["duckdb"](Servers(tmp_path, ExitStack()), tmp_path)

    def version() -> str:
        return MartMonth(TRIPS_DAILY, target, JANUARY).partition().facts["version"]

    seen = [version()]
    for service, loaded, rows in (("green", "a", 2), ("fhv", "a", 2), ("green", "b", 2), ("green", "b", 3)):
        assert version() == seen[-1], "nothing has changed"
        table = pa.Table.from_pylist([{}] * rows, schema=canonical_schema(service))
        target.replace(f"{service}_trips", JANUARY, table.to_reader(), {"version": loaded})
        target.replace(f"{service}_trips", FEBRUARY, table.to_reader(), {"version": f"other {loaded}"})
        seen.append(version())
    assert len(set(seen)) == len(seen)


def _expected(mart: Mart, month: date) -> list[Row]:
    groups: dict[tuple[Any, ...], list[tuple[ServiceName, Row]]] = defaultdict(list)
    for service, rows in PUBLISHED.get(month, {}).items():
        for row in rows:
            groups[service, *_key(mart, month, row)].append((service, row))
    names = [column.name for column in mart.columns]
    found = []
    for key, trips in groups.items():
        row = dict(zip(names, key, strict=False)) | _measures(trips)
        found.append({name: row[name] for name in names})
    return _sorted(found)


def _key(mart: Mart, month: date, row: Row) -> tuple[Any, ...]:
    if mart is ZONE_REVENUE_MONTHLY:
        return (row["pu_location_id"], *ZONES.get(row["pu_location_id"], (None, None)))
    day = row["pickup_at"] and row["pickup_at"].date()
    return day, day is None or day.replace(day=1) != month


def _measures(trips: list[tuple[ServiceName, Row]]) -> Row:
    service = trips[0][0]
    rows = [row for _, row in trips]
    revenue = [_money(service, row) for row in rows]
    tips = _sum([_exact(row.get("tips", row.get("tip_amount"))) for row in rows])
    total = _sum(revenue)
    hours = [_seconds(row) for row in rows if row["pickup_at"] and row["dropoff_at"]]
    return {
        "trips": len(rows),
        "revenue_usd": total,
        "tips_usd": tips,
        "tip_share": tips / total if tips is not None and total else None,
        "distance_miles": _sum([_exact(row.get("trip_miles", row.get("trip_distance"))) for row in rows]),
        "duration_hours": sum(hours) / 3600 if hours else None,
    }


def _money(service: ServiceName, row: Row) -> Decimal | None:
    parts = [_exact(row[name]) for name in MEASURES[service].revenue]
    return (
        sum((part or Decimal(0) for part in parts), Decimal(0))
        if service == "fhvhv"
        else next(iter(parts), None)
    )


def _exact(value: float | None) -> Decimal | None:
    return None if value is None or not abs(value) < 1e11 else Decimal(str(value))


def _sum(values: list[Decimal | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(sum(known)) if known else None


def _seconds(row: Row) -> int:
    """Whole seconds as both warehouses count them: the seconds that begin in between."""
    whole = (
        row["dropoff_at"].replace(microsecond=0) - row["pickup_at"].replace(microsecond=0)
    ).total_seconds()
    return int(whole)


def _sorted(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: [str(value) for value in row.values()])
