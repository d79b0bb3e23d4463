"""What people see of a Postgres table: rows of months, comments, indexes, schema that grows, refusals."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from taxi_assets.targets.postgres import PostgresTarget, counts
from taxi_assets.targets.postgres.catalog import Child, children
from taxi_assets.targets.target import Condition, TargetError

JANUARY, FEBRUARY = date(2024, 1, 1), date(2024, 2, 1)


def wall_clock(text: str) -> datetime:
    return datetime.fromisoformat(text)


def trips(rows: int = 4) -> pa.Table:
    """Trips of January, with strays of 2008 and February among them."""
    strays = [wall_clock("2008-12-31"), wall_clock("2024-02-01"), None]
    pickups = (strays + [wall_clock("2024-01-05 01:02:03.456789")] * rows)[:rows]
    return pa.table(
        {
            "pickup": pa.array(pickups, pa.timestamp("us")),
            "zone": pa.array([None if row % 5 == 1 else row for row in range(rows)], pa.int32()),
            "fare": pa.array([row + 0.25 for row in range(rows)], pa.float64()),
            "flag": pa.array(([None, "", "Y", "é"] * rows)[:rows], pa.string()),
        }
    )


def failing_half_way(table: pa.Table) -> pa.RecordBatchReader:
    def batches() -> Iterator[pa.RecordBatch]:
        yield from table.to_batches()
        raise ConnectionResetError("the producer died")

    return pa.RecordBatchReader.from_batches(table.schema, batches())


def tables(target: PostgresTarget) -> set[str]:
    rows = target.query("SELECT tablename::text FROM pg_tables WHERE schemaname = 'taxi'")
    return {str(name) for (name,) in rows}


def rows_of(target: PostgresTarget, *columns: str, month: date | None = JANUARY) -> list[tuple[object, ...]]:
    reader = target.read("trips", [month] if month else None, columns or None)
    return list(zip(*reader.read_all().to_pydict().values(), strict=True))


def test_running_a_month_again_keeps_its_rows_strays_included(postgres_target: PostgresTarget) -> None:
    first = postgres_target.replace("trips", JANUARY, trips().to_reader())
    before = rows_of(postgres_target)
    second = postgres_target.replace("trips", JANUARY, trips().to_reader())
    assert rows_of(postgres_target) == before
    assert (first.rows, first.replaced_rows, second.rows, second.replaced_rows) == (4, None, 4, 4)
    assert before[0] == (wall_clock("2008-12-31"), 0, 0.25, None, JANUARY)


@pytest.mark.parametrize("rows", [0, 1, 3, 9])
def test_a_month_shrinks_and_grows_and_its_neighbour_stays(
    postgres_target: PostgresTarget, rows: int
) -> None:
    postgres_target.replace("trips", FEBRUARY, trips(2).to_reader())
    postgres_target.replace("trips", JANUARY, trips(4).to_reader())
    report = postgres_target.replace("trips", JANUARY, trips(rows).to_reader())
    held = postgres_target.partitions("trips")
    assert {month: part.rows for month, part in held.items()} == {JANUARY: rows, FEBRUARY: 2}
    assert list(held) == [JANUARY, FEBRUARY]
    assert (report.rows, report.replaced_rows) == (rows, 4)
    assert report.bytes > 0
    assert list(report.seconds) == ["wait", "prepare", "copy", "index", "swap"]


def test_facts_come_back_as_they_were_given(postgres_target: PostgresTarget) -> None:
    facts = {"version": "1", "source": "https://example.org/ü?x='y'\n\"%s"}
    postgres_target.replace("trips", JANUARY, trips().to_reader(), facts)
    postgres_target.replace("trips", FEBRUARY, trips().to_reader())
    held = postgres_target.held("trips", JANUARY)
    assert held is not None
    assert (held.rows, held.facts, held.version) == (4, facts, "1")
    assert postgres_target.partitions("trips")[FEBRUARY].facts == {}
    assert postgres_target.held("trips", date(2024, 3, 1)) is None
    assert postgres_target.held("nothing", JANUARY) is None
    assert postgres_target.partitions("nothing") == {}


def test_months_are_listed_once_and_not_again_for_each(
    postgres_target: PostgresTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [date(2024, month, 1) for month in range(1, 9)]
    for month in many:
        postgres_target.replace("trips", month, trips(1).to_reader())
    read: list[int] = []

    def listed(*arguments: Any) -> dict[date, Child]:
        found = children(*arguments)
        read.append(len(found))
        return found

    monkeypatch.setattr(counts, "children", listed)
    assert list(postgres_target.partitions("trips")) == many
    assert read == [len(many), *(1 for _ in many)]


def test_a_month_that_is_swapped_while_others_are_counted_is_counted_as_it_is_then(
    postgres_target: PostgresTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    for month in (JANUARY, FEBRUARY):
        postgres_target.replace("trips", month, trips(1).to_reader())

    waiting = [FEBRUARY]

    def listed(*arguments: Any) -> dict[date, Child]:
        found = children(*arguments)
        while waiting:  # right after the list was read for the first time
            postgres_target.replace("trips", waiting.pop(), trips(3).to_reader(), {"version": "2"})
        return found

    monkeypatch.setattr(counts, "children", listed)
    held = postgres_target.partitions("trips")
    assert {month: one.rows for month, one in held.items()} == {JANUARY: 1, FEBRUARY: 3}
    assert held[FEBRUARY].version == "2"


def test_a_table_without_partitions_is_swapped_by_name_and_keeps_its_grants(
    postgres_target: PostgresTarget,
) -> None:
    postgres_target.replace("zones", None, trips(3).to_reader(), {"version": "a"})
    postgres_target.query("GRANT SELECT ON taxi.zones TO PUBLIC")
    report = postgres_target.replace("zones", None, trips(2).to_reader(), {"version": "b"})
    assert (report.rows, report.replaced_rows) == (2, 3)
    held = postgres_target.held("zones", None)
    assert held is not None
    assert (held.rows, held.version) == (2, "b")
    assert postgres_target.read("zones").read_all().equals(trips(2))
    assert tables(postgres_target) == {"zones"}
    granted = "SELECT has_table_privilege('pg_monitor', 'taxi.zones', 'SELECT')"
    assert postgres_target.query(granted) == [(True,)]


def test_a_view_on_a_table_without_partitions_is_named_instead_of_dropped(
    postgres_target: PostgresTarget,
) -> None:
    postgres_target.replace("zones", None, trips(3).to_reader())
    postgres_target.query("CREATE VIEW taxi.busy AS SELECT * FROM taxi.zones")
    with pytest.raises(TargetError, match=r"view taxi\.busy depends"):
        postgres_target.replace("zones", None, trips(2).to_reader())
    assert postgres_target.query("SELECT count(*) FROM taxi.busy") == [(3,)]
    assert tables(postgres_target) == {"zones"}


def test_a_view_on_a_partitioned_table_outlives_every_load(postgres_target: PostgresTarget) -> None:
    postgres_target.replace("trips", JANUARY, trips(3).to_reader())
    postgres_target.query("CREATE VIEW taxi.busy AS SELECT * FROM taxi.trips")
    postgres_target.replace("trips", JANUARY, trips(2).to_reader())
    assert postgres_target.query("SELECT count(*) FROM taxi.busy") == [(2,)]


def test_a_new_column_is_added_and_null_in_the_other_months(postgres_target: PostgresTarget) -> None:
    wider = trips(2).append_column("fee", pa.array([0.75, 1.5]))
    postgres_target.replace("trips", JANUARY, trips(2).to_reader())
    postgres_target.replace("trips", FEBRUARY, wider.to_reader())
    assert [row[-2:] for row in rows_of(postgres_target)] == [(None, JANUARY)] * 2
    assert rows_of(postgres_target, "fee", month=FEBRUARY) == [(0.75,), (1.5,)]


def test_a_column_that_the_stream_lacks_becomes_null(postgres_target: PostgresTarget) -> None:
    postgres_target.replace("trips", JANUARY, trips(2).to_reader())
    postgres_target.replace("trips", JANUARY, trips(2).drop_columns(["zone", "pickup"]).to_reader())
    assert rows_of(postgres_target, "zone", "fare") == [(None, 0.25), (None, 1.25)]


@pytest.mark.parametrize("order", [["fare", "zone", "flag", "pickup"], ["flag", "fare"]])
def test_the_order_of_the_streams_columns_does_not_matter(
    postgres_target: PostgresTarget, order: list[str]
) -> None:
    postgres_target.replace("trips", JANUARY, trips().to_reader())
    before = rows_of(postgres_target, *order)
    postgres_target.replace("trips", JANUARY, trips().select(order).to_reader())
    assert rows_of(postgres_target, *order) == before


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("zone", pa.array([1, 2], pa.int64()), "integer.*int64.*bigint"),
        ("zone", pa.array([1.0, 2.0]), "integer.*double.*double precision"),
        ("fare", pa.array([1, 2], pa.int64()), "double precision.*int64"),
        ("fare", pa.array(["a", "b"]), "double precision.*string"),
        ("pickup", pa.array([1, 2]).cast(pa.timestamp("us", "UTC")), "without time zone.*with time zone"),
    ],
)
def test_a_type_that_does_not_fit_is_refused_with_the_fix(
    postgres_target: PostgresTarget, column: str, values: pa.Array, said: str
) -> None:
    postgres_target.replace("trips", JANUARY, trips(2).to_reader())
    before = rows_of(postgres_target)
    other = trips(2).set_column(trips().schema.get_field_index(column), column, values)
    with pytest.raises(TargetError, match=rf"{column}.*{said}.*ALTER TABLE taxi\.trips"):
        postgres_target.replace("trips", JANUARY, other.to_reader())
    assert rows_of(postgres_target) == before


def test_narrower_values_flow_into_a_wider_column(postgres_target: PostgresTarget) -> None:
    wide = pa.table({"zone": pa.array([2**40]), "fare": pa.array([0.5])})
    narrow = pa.table({"zone": pa.array([7], pa.int16()), "fare": pa.array([3], pa.int32())})
    postgres_target.replace("trips", JANUARY, wide.to_reader())
    postgres_target.replace("trips", JANUARY, narrow.to_reader())
    table = postgres_target.read("trips", [JANUARY], ["zone", "fare"]).read_all()
    assert table.equals(pa.table({"zone": [7], "fare": [3.0]}))


def test_a_producer_that_fails_half_way_leaves_the_old_rows_and_nothing_else(
    postgres_target: PostgresTarget,
) -> None:
    postgres_target.replace("trips", JANUARY, trips(4).to_reader())
    with pytest.raises(ConnectionResetError, match="the producer died"):
        postgres_target.replace("trips", JANUARY, failing_half_way(trips(40_000)))
    with pytest.raises(ConnectionResetError):
        postgres_target.replace("other", JANUARY, failing_half_way(trips(40_000)))
    assert len(rows_of(postgres_target)) == 4
    assert tables(postgres_target) == {"trips", "trips_2024_01_01"}


def test_the_character_nul_is_refused_with_column_and_count(postgres_target: PostgresTarget) -> None:
    table = pa.table({"zone": [1, 2, 3], "flag": ["a\x00b", "fine", "\x00"]})
    with pytest.raises(TargetError, match=r"'flag' holds the character NUL .* in 2 of 3 values"):
        postgres_target.replace("trips", JANUARY, table.to_reader())
    assert tables(postgres_target) == set()


def test_comments_tell_what_the_schema_says(postgres_target: PostgresTarget) -> None:
    text = 'It\'s 100 % \\ "quoted"; é'
    field = pa.field("fare", pa.float64(), metadata={"description": text})
    schema = pa.schema([field], metadata={"description": "Trips of a month"})
    empty = pa.RecordBatchReader.from_batches(schema, [])
    postgres_target.replace("trips", JANUARY, empty)
    postgres_target.replace("zones", None, pa.RecordBatchReader.from_batches(schema, []))
    comments = "SELECT obj_description('taxi.{0}'::regclass), col_description('taxi.{0}'::regclass, 1)"
    assert postgres_target.query(comments.format("trips")) == [("Trips of a month", text)]
    ((table, column),) = postgres_target.query(comments.format("zones"))
    assert (str(table).splitlines()[0], column) == ("Trips of a month", text)
    assert postgres_target.read("trips").schema.field("fare").metadata == {b"description": text.encode()}


def test_every_month_has_the_indexes_of_the_settings_and_of_its_parent(
    postgres_target: PostgresTarget,
) -> None:
    postgres_target.replace("trips", JANUARY, trips().to_reader())
    postgres_target.query("CREATE INDEX ON taxi.trips (fare DESC)")
    for _ in range(2):
        postgres_target.replace("trips", JANUARY, trips().to_reader())
    found = postgres_target.query(
        "SELECT indexname::text FROM pg_indexes WHERE tablename = 'trips_2024_01_01' ORDER BY 1"
    )
    names = ["brin_pickup", "btree_fare_DESC", "btree_zone"]
    assert found == [(f"trips_2024_01_01_{name}",) for name in names]
    attached = "SELECT count(*) FROM pg_inherits WHERE inhrelid = 'taxi.\"trips_2024_01_01_btree_fare_DESC\"'"
    assert postgres_target.query(f"{attached}::regclass") == [(1,)]


def test_a_month_is_pruned_to_its_own_table_and_its_rows_need_no_vacuum(
    postgres_target: PostgresTarget,
) -> None:
    for month in (JANUARY, FEBRUARY):
        postgres_target.replace("trips", month, trips().to_reader())
    plan = postgres_target.query("EXPLAIN SELECT * FROM taxi.trips WHERE trip_month = '2024-01-01'")
    assert "trips_2024_01_01" in str(plan)
    assert "trips_2024_02_01" not in str(plan)
    infomask = "SELECT DISTINCT t_infomask & 768 FROM heap_page_items(get_raw_page(%s, 0))"
    postgres_target.query("CREATE EXTENSION pageinspect")
    assert postgres_target.query(infomask, ["taxi.trips_2024_01_01"]) == [(768,)]  # HEAP_XMIN_FROZEN


CONDITIONS: list[tuple[Condition, list[object]]] = [
    (("zone", "=", 2), [2]),
    (("zone", "!=", 2), [0, 3]),
    (("zone", "<", 2), [0]),
    (("zone", ">=", 2), [2, 3]),
    (("zone", "in", [0, 3, 99]), [0, 3]),
    (("zone", "in", []), []),
    (("zone", "is null", None), [None]),
    (("fare", "<=", Decimal("2.25")), [0, None, 2]),
    (("pickup", ">", wall_clock("2024-01-31")), [None]),
    (("trip_month", "is not null", None), [0, None, 2, 3]),
    (("flag", "=", "'; DROP TABLE taxi.trips; --"), []),
]


@pytest.mark.parametrize(("condition", "zones"), CONDITIONS)
def test_the_store_evaluates_conditions(
    postgres_target: PostgresTarget, condition: Condition, zones: list[object]
) -> None:
    postgres_target.replace("trips", JANUARY, trips().to_reader())
    reader = postgres_target.read("trips", columns=["zone"], where=[condition])
    assert reader.read_all()["zone"].to_pylist() == zones


def test_months_are_read_in_the_order_asked_for_and_else_oldest_first(
    postgres_target: PostgresTarget,
) -> None:
    for month in (FEBRUARY, JANUARY):
        postgres_target.replace("trips", month, trips(2).to_reader())
    asked = postgres_target.read("trips", [FEBRUARY, JANUARY], ["trip_month"]).read_all()
    assert asked["trip_month"].to_pylist() == [FEBRUARY, FEBRUARY, JANUARY, JANUARY]
    every = postgres_target.read("trips", columns=["trip_month"]).read_all()
    assert every["trip_month"].to_pylist() == [JANUARY, JANUARY, FEBRUARY, FEBRUARY]
    assert postgres_target.read("trips", []).read_all().num_rows == 0


def test_what_is_not_there_is_named_with_what_is(postgres_target: PostgresTarget) -> None:
    postgres_target.replace("trips", JANUARY, trips().to_reader())
    with pytest.raises(TargetError, match=r"no table taxi\.tripz; there is: trips$"):
        postgres_target.read("tripz")
    with pytest.raises(TargetError, match="no partition 2024-02-01; there is: 2024-01-01"):
        postgres_target.read("trips", [FEBRUARY])
    with pytest.raises(TargetError, match="no column 'tip'; it has pickup, zone"):
        postgres_target.read("trips", columns=["tip"])
    with pytest.raises(TargetError, match="no column 'tip'"):
        postgres_target.read("trips", where=[("tip", ">", 1)])
    with pytest.raises(TargetError, match="unknown comparison 'like'"):
        postgres_target.read("trips", where=[("zone", "like", "x")])  # type: ignore[list-item]


def test_sums_are_exact_and_leave_out_what_has_no_sum(postgres_target: PostgresTarget) -> None:
    values = [0.1] * 10 + [float("nan"), float("inf"), -float("inf"), None, 123456789012.34]
    table = pa.table({"fare": values, "zone": pa.array([2**31 - 1] * len(values), pa.int32())})
    postgres_target.replace("trips", JANUARY, table.to_reader())
    totals = postgres_target.totals("trips", JANUARY, ["fare", "zone"])
    assert totals.rows == 15
    assert totals.sums == {"fare": Decimal("123456789013.34"), "zone": Decimal(15 * (2**31 - 1))}
    assert postgres_target.totals("trips", FEBRUARY, ["fare"]).rows == 0
    assert postgres_target.totals("none", FEBRUARY, ["fare"]).sums == {"fare": Decimal(0)}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (pa.table({"x": [{"a": 1}]}), "struct"),
        (pa.table({"trip_month": [JANUARY]}), "leave it out"),
        (pa.table([[1], [2]], names=["x", "x"]), "several columns named 'x'"),
        (pa.table({"x" * 64: [1]}), "64 bytes"),
        (pa.table({"ctid": [1]}), "ctid"),
        (pa.table({"x": pa.array([1], pa.timestamp("ns"))}), "without loss"),
        (pa.table({"x": pa.array([2**62], pa.timestamp("s"))}), "without loss"),
        (pa.table({"x": pa.array([-(2**62)], pa.timestamp("us"))}), "timestamp out of range"),
        (pa.table({"x": pa.array([-(2**63)], pa.timestamp("us"))}), "out of Postgres' range"),
        (pa.table({}), "no columns"),
    ],
)
def test_what_postgres_cannot_hold_is_refused_in_words(
    postgres_target: PostgresTarget, table: pa.Table, said: str
) -> None:
    with pytest.raises(TargetError, match=said):
        postgres_target.replace("trips", JANUARY, table.to_reader())
    assert tables(postgres_target) == set()


def test_names_that_postgres_would_cut_stay_apart(postgres_target: PostgresTarget) -> None:
    for last in "ab":
        table = "ü" * 31 + last
        for month in (JANUARY, FEBRUARY):
            postgres_target.replace(table, month, trips(2).to_reader())
            postgres_target.replace(table, month, trips(1).to_reader())
        assert [held.rows for held in postgres_target.partitions(table).values()] == [1, 1]
    with pytest.raises(TargetError, match="64 bytes"):
        postgres_target.replace("ü" * 32, JANUARY, trips().to_reader())


def test_a_table_cut_otherwise_is_not_touched(postgres_target: PostgresTarget) -> None:
    postgres_target.query(
        "CREATE SCHEMA taxi; CREATE TABLE taxi.plain (zone int); "
        "CREATE TABLE taxi.ranged (trip_month date) PARTITION BY RANGE (trip_month); "
        "CREATE VIEW taxi.looks AS SELECT 1 AS zone"
    )
    for table, said in (("plain", "without partitions"), ("ranged", "RANGE"), ("looks", "no table")):
        with pytest.raises(TargetError, match=said):
            postgres_target.replace(table, JANUARY, trips().to_reader())
    postgres_target.replace("trips", JANUARY, trips().to_reader())
    with pytest.raises(TargetError, match="say which partition"):
        postgres_target.replace("trips", None, trips().to_reader())


def test_a_wrong_password_and_a_dead_server_say_what_to_set_and_never_the_password() -> None:
    nowhere = PostgresTarget(url="postgresql://me:s3cret@127.0.0.1:1/db", connect_timeout=2)
    with pytest.raises(psycopg.OperationalError, match=r"127\.0\.0\.1:1/db.*TAXI_POSTGRES_URL") as refused:
        nowhere.partitions("trips")
    garbled = PostgresTarget(url="postgresql://me:s3cret%zz@127.0.0.1/db")
    with pytest.raises(TargetError, match="percent-encoded") as unreadable:
        garbled.partitions("trips")
    shown = f"{nowhere!r} {nowhere} {garbled!r} {refused.value!r} {unreadable.value!r} {nowhere.uri('trips')}"
    assert "s3cret" not in shown
    assert unreadable.value.__suppress_context__
    assert nowhere.uri("trips", JANUARY) == "postgresql://127.0.0.1:1/db/taxi.trips_2024_01_01"


def test_a_role_or_database_that_is_not_there_will_not_be_tried_again(postgres_url: str) -> None:
    for url in (postgres_url.replace("postgres@", "stranger@"), postgres_url.replace("/test_", "/no_")):
        with pytest.raises(TargetError, match=r"does not exist.*TAXI_POSTGRES_URL"):
            PostgresTarget(url=url).partitions("trips")


def test_times_with_a_zone_come_back_as_the_same_moments_in_utc(postgres_target: PostgresTarget) -> None:
    moment = datetime(2024, 7, 1, 12, tzinfo=UTC)
    table = pa.table({"at": pa.array([moment, None], pa.timestamp("ms", "America/New_York"))})
    postgres_target.replace("trips", JANUARY, table.to_reader())
    read = postgres_target.read("trips", columns=["at"]).read_all()
    assert read.schema.field("at").type == pa.timestamp("us", "UTC")
    assert read["at"].to_pylist() == [moment, None]
