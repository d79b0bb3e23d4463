"""The target on a real emulator process: what stands after each kind of replace."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from taxi_assets.targets.bigquery import BigQueryTarget
from taxi_assets.targets.bigquery.connection import connect
from taxi_assets.targets.bigquery.ledger import LEDGER, Entry, Ledger
from taxi_assets.targets.bigquery.names import parse_url, staging_name
from taxi_assets.targets.target import Held, TargetError, Totals
from taxi_assets_tests.targets.bigquery.conftest import FEBRUARY, JANUARY, Trips


def tables(target: BigQueryTarget) -> list[str]:
    return connect(parse_url(target.url), 10, 10).tables()


def test_a_second_load_of_a_month_replaces_the_first(target: BigQueryTarget, trips: Trips) -> None:
    first = target.replace("trips", JANUARY, trips(4), {"version": "a"})
    second = target.replace("trips", JANUARY, trips(4), {"version": "a"})
    assert (first.rows, first.replaced_rows) == (4, None)
    assert (second.rows, second.replaced_rows) == (4, 4)
    assert target.partitions("trips") == {JANUARY: Held(4, {"version": "a"})}


@pytest.mark.parametrize("in_transaction", [False, True])
def test_of_two_runs_that_brought_one_job_to_its_end_the_later_one_s_facts_are_remembered(
    target: BigQueryTarget, trips: Trips, in_transaction: bool
) -> None:
    target.replace("trips", FEBRUARY, trips(3), {"run": "before"})
    connection = connect(parse_url(target.url), 10, 10)
    ledger = Ledger(connection)
    for run in ("died", "later"):
        entry = Entry("a-key", {"run": run}, pa.schema([("fare", pa.float64())]))
        ledger.intend("trips", JANUARY, entry, in_transaction=in_transaction)
    if in_transaction:
        connection.query(ledger.conclusion("a-key"))
    else:
        ledger.conclude("a-key", datetime.now(UTC))
    assert ledger.standing("trips").facts(JANUARY) == {"run": "later"}
    table = connection.place.sql(LEDGER)
    (done,) = connection.query(f"SELECT COUNT(*) FROM {table} WHERE job = 'a-key' AND state = 'done'")
    assert done[0] == 1


@pytest.mark.parametrize("rows", [1, 9, 0])
def test_a_month_shrinks_grows_and_empties_without_touching_its_neighbour(
    target: BigQueryTarget, trips: Trips, rows: int
) -> None:
    target.replace("trips", FEBRUARY, trips(3), {"version": "f"})
    target.replace("trips", JANUARY, trips(4), {"version": "a"})
    report = target.replace("trips", JANUARY, trips(rows, fare=2.0), {"version": "b"})
    assert (report.rows, report.replaced_rows) == (rows, 4)
    held = {JANUARY: Held(rows, {"version": "b"}), FEBRUARY: Held(3, {"version": "f"})}
    assert target.partitions("trips") == held
    assert target.held("trips", JANUARY) == held[JANUARY]
    assert target.totals("trips", JANUARY, ["fare"]) == Totals(rows, {"fare": Decimal(2 * rows)})


def test_the_table_is_cut_by_month_and_says_what_its_columns_mean(
    target: BigQueryTarget, trips: Trips
) -> None:
    stream = trips(1)
    schema = pa.schema(
        [field.with_metadata({"description": f"the {field.name}"}) for field in stream.schema],
        metadata={"description": "Trips of one service"},
    )
    clustered = target.model_copy(
        update={"cluster_by": ["vendor_id", "nowhere"], "labels": {"Team": "Data X"}}
    )
    clustered.replace(
        "trips", JANUARY, pa.RecordBatchReader.from_batches(schema, stream.read_all().to_batches())
    )
    found = connect(parse_url(target.url), 10, 10).find("trips")
    assert found is not None
    assert (found.time_partitioning.type_, found.time_partitioning.field) == ("MONTH", "trip_month")
    assert found.clustering_fields == ["vendor_id"]
    assert found.description == "Trips of one service"
    assert found.labels == {"team": "data_x", "table": "trips"}
    assert [field.description for field in found.schema] == ["the vendor_id", "the pickup", "the fare", None]
    assert [field.field_type for field in found.schema] == ["INTEGER", "DATETIME", "FLOAT", "DATE"]


def test_a_new_column_is_added_and_older_months_are_null_in_it(target: BigQueryTarget, trips: Trips) -> None:
    target.replace("trips", JANUARY, trips(2))
    target.replace(
        "trips", FEBRUARY, trips(2, fee=pa.array([1, None], pa.int16()), tags=pa.array([["a"], []]))
    )
    target.replace("trips", JANUARY, trips(1))
    found = target.read("trips").read_all()
    assert found.schema.names == ["vendor_id", "pickup", "fare", "fee", "tags", "trip_month"]
    assert found.schema.field("fee").type == pa.int16()
    assert found.column("fee").to_pylist() in ([None, 1, None], [None, None, 1])
    assert found.schema.field("vendor_id").type == pa.int32()


def test_a_column_of_another_type_is_refused_and_nothing_changes(
    target: BigQueryTarget, trips: Trips
) -> None:
    target.replace("trips", JANUARY, trips(2), {"version": "a"})
    wrong = pa.table({"fare": ["cheap"], "vendor_id": pa.array([1], pa.int32())}).to_reader()
    with pytest.raises(
        TargetError, match=r"'fare' is FLOAT \(double\).*STRING \(string\).*cast it to double"
    ):
        target.replace("trips", JANUARY, wrong, {"version": "b"})
    assert target.partitions("trips") == {JANUARY: Held(2, {"version": "a"})}


def test_a_producer_that_fails_leaves_the_month_as_it_was(target: BigQueryTarget, trips: Trips) -> None:
    target.replace("trips", JANUARY, trips(2), {"version": "a"})

    def batches() -> Iterator[pa.RecordBatch]:
        yield from trips(3).read_all().to_batches()
        raise ConnectionError("the source went away")

    failing = pa.RecordBatchReader.from_batches(trips(0).schema, batches())
    with pytest.raises(ConnectionError):
        target.replace("trips", JANUARY, failing, {"version": "b"})
    with pytest.raises(ConnectionError):
        target.replace("new", JANUARY, pa.RecordBatchReader.from_batches(trips(0).schema, batches()))
    assert target.partitions("trips") == {JANUARY: Held(2, {"version": "a"})}
    assert tables(target) == ["_partitions", "trips"]


def test_conditions_and_columns_reach_the_service(target: BigQueryTarget, trips: Trips) -> None:
    names = pa.array(["it's", None, 'a"b', "c`d"])
    target.replace("trips", JANUARY, trips(4, name=names))
    target.replace("trips", FEBRUARY, trips(1, name=pa.array(["it's"])))

    def ids(*where: tuple[str, str, object], partitions: list[date] | None = None) -> list[int]:
        found = target.read("trips", partitions or [JANUARY], ["vendor_id"], where)  # type: ignore[arg-type]
        return sorted(found.read_all().column("vendor_id").to_pylist())

    assert ids(("vendor_id", ">", 1)) == [2, 3]
    assert ids(("vendor_id", "<=", 1), ("name", "is not null", None)) == [0]
    assert ids(("name", "is null", None)) == [1]
    assert ids(("name", "=", "it's")) == [0]
    assert ids(("name", "in", ['a"b', "c`d", None])) == [2, 3]
    assert ids(("name", "in", [])) == []
    assert ids(("name", "!=", "x' OR '1'='1")) == [0, 2, 3]
    assert ids(("fare", ">=", 1)) == [0, 1, 2, 3]
    assert ids(("pickup", "<", datetime(2024, 1, 1, 10, 31))) == [0, 1, 2, 3]  # noqa: DTZ001
    assert ids(("trip_month", "=", FEBRUARY), partitions=[JANUARY, FEBRUARY]) == [0]
    in_order = target.read("trips", [FEBRUARY, JANUARY], ["trip_month"]).read_all()
    assert in_order.column("trip_month").to_pylist() == [FEBRUARY] + [JANUARY] * 4


def test_what_is_not_there_is_named_with_what_is(target: BigQueryTarget, trips: Trips) -> None:
    with pytest.raises(TargetError, match=r"no table 'trips' in .*; there is: none"):
        target.read("trips")
    assert target.partitions("trips") == {}
    assert target.totals("trips", JANUARY, ["fare"]) == Totals(0, {"fare": Decimal(0)})
    target.replace("trips", JANUARY, trips(1))
    with pytest.raises(TargetError, match="no column tip; it has: vendor_id, pickup, fare, trip_month"):
        target.read("trips", columns=["tip"])
    with pytest.raises(TargetError, match="no partition 2024-02-01; it has: 2024-01-01"):
        target.read("trips", [FEBRUARY])
    with pytest.raises(TargetError, match="not the first day of a month"):
        target.replace("trips", date(2024, 1, 2), trips(1))
    with pytest.raises(TargetError, match="is cut by trip_month, this load by nothing"):
        target.replace("trips", None, trips(1))


def test_a_table_without_partitions_is_replaced_whole(target: BigQueryTarget, trips: Trips) -> None:
    target.replace("zones", None, trips(3), {"version": "a"})
    report = target.replace("zones", None, trips(2, borough=pa.array(["Queens", "N/A"])), {"version": "b"})
    assert (report.rows, report.replaced_rows) == (2, 3)
    assert target.partitions("zones") == {None: Held(2, {"version": "b"})}
    assert target.read("zones").read_all().column("borough").to_pylist() == ["Queens", "N/A"]


def test_sums_are_exact_and_leave_out_what_is_no_number(target: BigQueryTarget, trips: Trips) -> None:
    fares = [0.1, 0.2, 0.3, float("nan"), float("inf"), None, 1e9 + 0.012345, -4.0]
    more = {"tip": pa.array(fares), "toll": pa.array([Decimal("0.10")] * 8, pa.decimal128(9, 2))}
    target.replace("trips", JANUARY, trips(8, **more))
    found = target.totals("trips", JANUARY, ["tip", "toll", "vendor_id"])
    sums = {"tip": Decimal("999999996.612345"), "toll": Decimal("0.8"), "vendor_id": Decimal(28)}
    assert found == Totals(8, sums)


def test_staging_tables_of_dead_loads_are_dropped_and_those_of_living_ones_are_not(
    target: BigQueryTarget, trips: Trips
) -> None:
    target.replace("trips", JANUARY, trips(1))
    client = connect(parse_url(target.url), 10, 10)
    dead = staging_name("trips", datetime(2024, 1, 1, tzinfo=UTC))
    alive = staging_name("trips", datetime(2100, 1, 1, tzinfo=UTC))
    for name in (dead, alive):
        client.query(f"CREATE TABLE {client.place.sql(name)} (a INT64)")
    target.replace("trips", JANUARY, trips(1))
    assert tables(target) == sorted(["_partitions", "trips", alive])


def test_importing_the_target_does_not_import_google() -> None:
    script = (
        "import sys, taxi_assets.targets.bigquery; "
        "sys.exit(any(name.startswith(('google.cloud', 'google.auth')) for name in sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
