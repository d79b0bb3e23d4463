"""What goes in comes out: types, extreme values, and Parquet that never passed through this process."""

from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taxi_assets.targets.bigquery import BigQueryTarget
from taxi_assets.targets.target import Held, TargetError
from taxi_assets_tests.servers.bigquery import Emulator
from taxi_assets_tests.servers.gcs import fake_gcs
from taxi_assets_tests.targets.bigquery.conftest import JANUARY, Trips

COLUMNS: dict[str, tuple[pa.DataType, st.SearchStrategy[object]]] = {
    "flag": (pa.bool_(), st.booleans()),
    "tiny": (pa.int8(), st.integers(-(2**7), 2**7 - 1)),
    "small": (pa.int16(), st.integers(-(2**15), 2**15 - 1)),
    "middle": (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    "big": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "single": (pa.float32(), st.floats(width=32, allow_nan=False)),
    "double": (pa.float64(), st.floats(allow_nan=False)),
    "text": (pa.string(), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))),
    "bytes": (pa.binary(), st.binary()),
    "day": (pa.date32(), st.dates(date(1, 1, 1), date(9999, 12, 31))),
    "wall": (pa.timestamp("us"), st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31))),  # noqa: DTZ001
    "money": (pa.decimal128(12, 2), st.decimals("-9999999999.99", "9999999999.99", places=2)),
}


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.tuples(*[st.none() | values for _, values in COLUMNS.values()]), max_size=20))
def test_values_and_types_come_back_as_they_went_in(
    target: BigQueryTarget, rows: list[tuple[object, ...]]
) -> None:
    schema = pa.schema([(name, kind) for name, (kind, _) in COLUMNS.items()])
    table = pa.Table.from_pylist([dict(zip(COLUMNS, row, strict=True)) for row in rows], schema=schema)
    target.replace("everything", JANUARY, table.to_reader())
    found = target.read("everything", [JANUARY], list(COLUMNS)).read_all()
    assert found.schema.equals(schema)
    assert sorted(map(repr, found.to_pylist())) == sorted(map(repr, table.to_pylist()))


def test_numbers_that_are_none_lists_and_encodings_survive(target: BigQueryTarget) -> None:
    table = pa.table(
        {
            "x": pa.array([float("nan"), float("inf"), float("-inf"), -0.0]),
            "tags": pa.array([["a", ""], [], ["it's"], None], pa.list_(pa.string())),
            "code": pa.array(["a", "b", None, "a"]).dictionary_encode(),
            "long": pa.array(["a", None, "", "b"], pa.large_string()),
            "small": pa.array([Decimal("1.5"), None, Decimal(0), Decimal(-1)], pa.decimal128(5, 3)),
        }
    )
    target.replace("odd", JANUARY, table.to_reader())
    found = target.read("odd", [JANUARY]).read_all()
    assert list(map(repr, found.column("x").to_pylist())) == ["nan", "inf", "-inf", "-0.0"]
    assert found.column("tags").to_pylist() == [["a", ""], [], ["it's"], []]  # no array is null in BigQuery
    assert found.column("code").to_pylist() == ["a", "b", None, "a"]
    assert found.column("long").to_pylist() == ["a", None, "", "b"]
    assert found.column("small").to_pylist() == table.column("small").to_pylist()


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        (pa.array([1], pa.uint64()), "which BigQuery can't hold"),
        (pa.array([{"a": 1}]), "which BigQuery can't hold"),
        (pa.array([[[1]]]), "which BigQuery can't hold"),
        (pa.array([1], pa.timestamp("ns")), "does not fit into timestamp"),
    ],
)
def test_what_bigquery_cannot_hold_is_refused_by_name(
    target: BigQueryTarget,
    column: pa.Array,
    sentence: str,
) -> None:
    with pytest.raises(TargetError, match=f"'strange'.*{sentence}"):
        target.replace("odd", JANUARY, pa.table({"strange": column}).to_reader())
    assert target.partitions("odd") == {}


@pytest.mark.parametrize("name", ["a`b", "a\\", "a.b", "_PARTITIONDATE", "9lives", "x" * 301])
def test_a_name_that_bigquery_does_not_take_is_refused(target: BigQueryTarget, name: str) -> None:
    with pytest.raises(TargetError, match="can't exist in BigQuery: rename it"):
        target.replace("odd", JANUARY, pa.table({name: [1]}).to_reader())


def test_a_month_is_replaced_from_the_lake_without_passing_through_here(
    target: BigQueryTarget, emulator: Emulator, trips: Trips
) -> None:
    assert emulator.gcs_root is not None
    target.replace("trips", JANUARY, trips(2), {"version": "old"})
    folder = emulator.gcs_root / "lake" / "trips" / "trip_month=2024-01-01"
    folder.mkdir(parents=True)
    pq.write_table(trips(7).read_all(), folder / "part.parquet")
    report = target.replace_from_uris(
        "trips",
        JANUARY,
        ["gs://lake/trips/trip_month=2024-01-01/part.parquet"],
        trips(0).schema,
        {"version": "new"},
        hive_prefix="gs://lake/trips",
    )
    assert (report.rows, report.replaced_rows) == (7, 2)
    assert target.partitions("trips") == {JANUARY: Held(7, {"version": "new"})}
    assert target.read("trips").read_all().column("vendor_id").to_pylist() == list(range(7))


def test_a_file_that_travels_through_a_bucket_leaves_nothing_there(
    target: BigQueryTarget, emulator: Emulator, trips: Trips, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert emulator.gcs_root is not None
    with fake_gcs(emulator.gcs_root) as gcs:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs.endpoint)
        bucket = gcs.create_bucket("staging")
        through = target.model_copy(update={"staging_uri": f"gs://{bucket}/incoming/"})
        assert through.replace("trips", JANUARY, trips(5), {"version": "a"}).rows == 5
    assert target.partitions("trips") == {JANUARY: Held(5, {"version": "a"})}
    assert list((emulator.gcs_root / "staging").rglob("*.parquet*")) == []
    with pytest.raises(TargetError, match="is not gs://bucket/prefix"):
        target.model_copy(update={"staging_uri": "/tmp"}).replace("trips", JANUARY, trips(1))


def test_digits_far_behind_the_point_survive(target: BigQueryTarget) -> None:
    values = [Decimal("1.123456789"), None, Decimal("-0.000000001")]
    table = pa.table({"fine": pa.array(values, pa.decimal128(30, 9))})
    target.replace("odd", JANUARY, table.to_reader())
    assert target.read("odd", [JANUARY], ["fine"]).read_all().equals(table)
