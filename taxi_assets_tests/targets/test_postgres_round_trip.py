"""Whatever Arrow table goes into Postgres comes out of it the same, or is refused."""

import math
from datetime import date, datetime
from decimal import Context, Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taxi_assets.targets.postgres import PostgresTarget
from taxi_assets.targets.postgres.types import arrow_type, flows_into, postgres_type, travelling_type
from taxi_assets.targets.sums import totals_of_stream
from taxi_assets.targets.target import TargetError

JANUARY = date(2024, 1, 1)
EXACT = Context(prec=40)


def integers(bits: int, *, signed: bool = True) -> st.SearchStrategy[int]:
    lowest, highest = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return st.integers(lowest, highest) | st.sampled_from([lowest, highest])


def floats(width: int) -> st.SearchStrategy[float]:
    return st.floats(width=width) | st.sampled_from([math.nan, math.inf, -math.inf, -0.0])  # type: ignore[arg-type]


text = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
moments = st.datetimes(datetime.fromisoformat("0001-01-01"), datetime.fromisoformat("9999-12-31"))

VALUES: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.bool_(), st.booleans()),
    *((pa.type_for_alias(f"int{bits}"), integers(bits)) for bits in (8, 16, 32, 64)),
    *((pa.type_for_alias(f"uint{bits}"), integers(bits, signed=False)) for bits in (8, 16, 32, 64)),
    (pa.float32(), floats(32)),
    (pa.float64(), floats(64)),
    (pa.string(), text),
    (pa.large_string(), text),
    (pa.string_view(), text),
    (pa.dictionary(pa.int32(), pa.string()), text),
    (pa.binary(), st.binary(max_size=20)),
    (pa.large_binary(), st.binary(max_size=20)),
    (pa.date32(), st.dates()),
    (pa.time64("us"), st.times()),
    (pa.timestamp("us"), moments),
    (pa.timestamp("s"), moments.map(lambda moment: moment.replace(microsecond=0))),
    (
        pa.timestamp("ns"),
        st.datetimes(datetime.fromisoformat("1678-01-01"), datetime.fromisoformat("2262-01-01")),
    ),
    (pa.decimal128(38, 6), st.integers(-(10**37), 10**37).map(lambda n: Decimal(n).scaleb(-6, EXACT))),
    (pa.decimal128(5, 5), st.integers(-99_999, 99_999).map(lambda n: Decimal(n).scaleb(-5))),
    (pa.list_(pa.string()), st.lists(text | st.none(), max_size=3)),
    (pa.list_(pa.int32()), st.lists(integers(32) | st.none(), max_size=3)),
    (pa.null(), st.none()),
]


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    kinds = draw(st.lists(st.sampled_from(VALUES), min_size=1, max_size=8))
    rows = draw(st.integers(0, 6))
    columns = {
        f"Column % {number}": pa.array(
            draw(st.lists(values | st.none(), min_size=rows, max_size=rows)), kind, from_pandas=False
        )
        for number, (kind, values) in enumerate(kinds)
    }
    return pa.table(columns)


def expected(table: pa.Table) -> pa.Table:
    """The table in the types that Postgres keeps, cast by Arrow itself."""
    schema = pa.schema([(field.name, travelling_type(field.type)) for field in table.schema])
    plain = [c.cast(c.type.value_type) if pa.types.is_dictionary(c.type) else c for c in table.columns]
    return pa.table(plain, names=table.column_names).cast(schema)


def same(one: pa.Table, other: pa.Table) -> bool:
    """Equality in which NaN equals NaN and -0.0 is not 0.0."""
    return bool(one.schema.equals(other.schema) and repr(one.to_pydict()) == repr(other.to_pydict()))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=tables(), batch_rows=st.integers(1, 7))
def test_every_value_comes_back_exactly(
    postgres_target: PostgresTarget, table: pa.Table, batch_rows: int
) -> None:
    target = PostgresTarget(url=postgres_target.url, batch_rows=batch_rows)
    target.query("DROP TABLE IF EXISTS taxi.trips")
    report = target.replace("trips", JANUARY, table.to_reader())
    read = target.read("trips").read_all()
    assert report.rows == table.num_rows
    assert same(read.drop_columns(["trip_month"]), expected(table))
    assert read["trip_month"].to_pylist() == [JANUARY] * table.num_rows
    assert target.totals("trips", JANUARY, []).rows == table.num_rows


AMOUNTS = st.one_of(
    st.integers(-(10**10), 10**10).map(lambda whole: (whole + 0.5) / 1e6),  # a half of the last place
    st.sampled_from([5e-7, -5e-7, 4_503_599_627.370497, math.nan, math.inf, -math.inf]),
    st.floats(-1e12, 1e12),
    st.decimals(-(10**6), 10**6, places=2).map(float),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(AMOUNTS | st.none(), max_size=20))
def test_amounts_are_rounded_as_duckdb_rounds_them_before_they_are_added(
    postgres_target: PostgresTarget, amounts: list[float | None]
) -> None:
    table = pa.table({"amount": pa.array(amounts, pa.float64())})
    postgres_target.replace("amounts", JANUARY, table.to_reader())
    found = postgres_target.totals("amounts", JANUARY, ["amount"])
    assert found == totals_of_stream("amounts", table.to_reader(), ["amount"])


@pytest.mark.parametrize("batch", [100, 20_000, 70_000])
def test_many_rows_in_batches_of_any_size_keep_their_order(
    postgres_target: PostgresTarget, batch: int
) -> None:
    table = pa.table({"n": pa.array(range(120_000), pa.int64()), "text": pa.array(map(str, range(120_000)))})
    reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(batch))
    assert postgres_target.replace("trips", JANUARY, reader).rows == 120_000
    assert postgres_target.read("trips", columns=["n", "text"]).read_all().equals(table)


def test_a_loss_of_nanoseconds_is_refused_and_their_absence_is_not(postgres_target: PostgresTarget) -> None:
    for nanoseconds, fits in ((1_000_001_000, True), (1_000_001_001, False)):
        table = pa.table({"at": pa.array([None, nanoseconds], pa.timestamp("ns"))})
        if fits:
            postgres_target.replace("trips", JANUARY, table.to_reader())
            continue
        with pytest.raises(TargetError, match=r"'at' can't be stored .* rows 0 to 1 of the stream"):
            postgres_target.replace("trips", JANUARY, table.to_reader())


STORED = [travelling_type(kind) for kind, _ in VALUES]


@pytest.mark.parametrize("stored", STORED, ids=str)
def test_a_stored_type_is_found_again_from_its_name(stored: pa.DataType) -> None:
    assert arrow_type(postgres_type(stored)) == stored
    assert travelling_type(stored) == stored
    assert flows_into(stored, stored)


@pytest.mark.parametrize(
    "kind",
    [
        pa.struct([("a", pa.int8())]),
        pa.list_(pa.list_(pa.int8())),
        pa.month_day_nano_interval(),
        pa.decimal256(76, 0),
        pa.map_(pa.int8(), pa.int8()),
    ],
    ids=str,
)
def test_a_type_without_a_counterpart_has_none(kind: pa.DataType) -> None:
    assert travelling_type(kind) is None


@pytest.mark.parametrize(
    ("stream", "column", "fits"),
    [
        (pa.int32(), pa.int64(), True),
        (pa.int64(), pa.int32(), False),
        (pa.int64(), pa.float64(), False),  # beyond 2**53 it isn't exact
        (pa.int32(), pa.float64(), True),
        (pa.int32(), pa.float32(), False),
        (pa.float64(), pa.float32(), False),
        (pa.int32(), pa.decimal128(12, 2), True),
        (pa.int32(), pa.decimal128(11, 2), False),
        (pa.decimal128(5, 2), pa.decimal128(7, 4), True),
        (pa.decimal128(5, 2), pa.decimal128(6, 4), False),
        (pa.string(), pa.int32(), False),
        (pa.list_(pa.int16()), pa.list_(pa.int32()), True),
        (pa.list_(pa.int16()), pa.int32(), False),
    ],
)
def test_only_what_is_never_changed_flows_into_another_type(
    stream: pa.DataType, column: pa.DataType, fits: bool
) -> None:
    assert flows_into(stream, column) is fits


def test_types_that_people_added_are_read_as_text(postgres_target: PostgresTarget) -> None:
    postgres_target.replace("trips", JANUARY, pa.table({"n": [1]}).to_reader())
    postgres_target.query(
        "ALTER TABLE taxi.trips ADD COLUMN extra jsonb DEFAULT '{\"a\": 1}', "
        "ADD COLUMN short varchar(3) DEFAULT 'abc'"
    )
    row = postgres_target.read("trips").read_all().to_pylist()[0]
    assert row == {"n": 1, "extra": '{"a": 1}', "short": "abc", "trip_month": JANUARY}
    postgres_target.replace("trips", JANUARY, pa.table({"n": [2], "short": ["x"]}).to_reader())
    assert postgres_target.read("trips", columns=["n", "short", "extra"]).read_all().to_pylist() == [
        {"n": 2, "short": "x", "extra": None}
    ]
    with pytest.raises(TargetError, match="value too long"):
        postgres_target.replace("trips", JANUARY, pa.table({"n": [2], "short": ["long"]}).to_reader())
