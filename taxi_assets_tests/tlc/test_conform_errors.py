"""Files that are not what the schema table says are refused with what is wrong, how often, and the fix."""

import random
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taxi_assets.tlc.clean import clean
from taxi_assets.tlc.column import Column, column
from taxi_assets.tlc.conform import NonConforming
from taxi_assets.tlc.services import SERVICES, ServiceName
from taxi_assets.tlc.synthetic import write_csv_month, write_month
from taxi_assets.tlc.totals import published_totals
from taxi_assets_tests.tlc.published import GREEN_MONTH, conformed, parted, synthetic

FIX = "; nothing was stored; if the TLC changed its types, change taxi_assets/tlc/schema.py."
CSV_MONTH = date(2020, 4, 1)


def refusal(path: Path, service: ServiceName = "green", month: date = GREEN_MONTH) -> str:
    """The one thing that conform, clean and totals all say of the file."""
    said = set()
    reads: list[Callable[[], object]] = [
        lambda: conformed(path, service, month, path.parent),
        lambda: parted(path, service, month, path.parent),
    ]
    for read in reads:
        with pytest.raises(NonConforming) as caught:
            read()
        said.add(str(caught.value))
    [text] = said
    return text


def spoilt(path: Path, name: str, change: Callable[[pa.Array], pa.Array], rows: int = 500) -> Path:
    table = synthetic(path, "green", GREEN_MONTH, rows)
    number = table.schema.get_field_index(name)
    pq.write_table(table.set_column(number, name, change(table[name].combine_chunks())), path)
    return path


def with_value(value: object, kind: pa.DataType, *places: int) -> Callable[[pa.Array], pa.Array]:
    def change(values: pa.Array) -> pa.Array:
        changed = values.cast(kind).cast(pa.int64() if pa.types.is_timestamp(kind) else kind).to_pylist()
        for place in places:
            changed[place] = value
        return pa.array(changed, pa.int64() if pa.types.is_timestamp(kind) else kind).cast(kind)

    return change


def among_tens(change: Callable[[pa.Array], pa.Array]) -> Callable[[pa.Array], pa.Array]:
    return lambda values: change(pa.array([10] * len(values), pa.int64()))


YEAR_12000 = 316_516_032_000_000_000
MISFITS = [
    ("passenger_count", with_value(7.5, pa.float64(), 3, 7), "2", "whole numbers of 32 bits", "'7.5'"),
    ("passenger_count", with_value(float("nan"), pa.float64(), 3), "1", "whole numbers of 32 bits", "'nan'"),
    ("passenger_count", with_value(float("inf"), pa.float64(), 3), "1", "whole numbers of 32 bits", "'inf'"),
    ("payment_type", with_value(2**31, pa.int64(), 0), "1", "whole numbers of 32 bits", "'2147483648'"),
    ("VendorID", with_value(2**63, pa.uint64(), 0), "1", "whole numbers of 32 bits", "'9223372036854775808'"),
    (
        "lpep_pickup_datetime",
        with_value(YEAR_12000, pa.timestamp("us"), 5),
        "1",
        "times between the years 1 and 9999",
        "'11999-12-30 00:00:00'",
    ),
    (
        "lpep_dropoff_datetime",
        with_value(1_704_110_400_000_000_007, pa.timestamp("ns"), 5),
        "1",
        "times in whole microseconds",
        "'2024-01-01 12:00:00.000000007'",
    ),
    ("trip_type", with_value("street", pa.string(), 1), "1", "whole numbers of 32 bits", "'street'"),
    ("trip_distance", with_value("ten", pa.string(), 1), "1", "numbers", "'ten'"),
    (
        "trip_distance",
        among_tens(with_value(2**60, pa.int64(), 1)),
        "1",
        "numbers that a double holds exactly",
        f"'{2**60}'",
    ),
    ("fare_amount", with_value("1_0", pa.string(), 1), "1", "amounts of at most 10^15 dollars", "'1_0'"),
    (
        "fare_amount",
        among_tens(with_value(2**60, pa.int64(), 1)),
        "1",
        "amounts of at most 10^15 dollars",
        f"'{2**60}'",
    ),
    ("tip_amount", with_value(1e300, pa.float64(), 1), "1", "amounts of at most 10^15 dollars", "'1e+300'"),
]


@pytest.mark.parametrize(("name", "change", "count", "expected", "example"), MISFITS)
def test_a_value_that_does_not_survive_is_told_with_column_count_example_and_fix(
    tmp_path: Path,
    name: str,
    change: Callable[[pa.Array], pa.Array],
    count: str,
    expected: str,
    example: str,
) -> None:
    path = spoilt(tmp_path / "month.parquet", name, change)
    told = f"column {name!r}: {count} of 500 values are not {expected}, for example {example}"
    assert refusal(path) == f"month.parquet: {told}{FIX}"


def test_the_last_value_of_a_long_file_is_told_like_the_first(tmp_path: Path) -> None:
    last = with_value(7.5, pa.float64(), 299_999)
    path = spoilt(tmp_path / "month.parquet", "passenger_count", last, rows=300_000)
    told = "column 'passenger_count': 1 of 300,000 values are not whole numbers of 32 bits, for example '7.5'"
    assert refusal(path) == f"month.parquet: {told}{FIX}"


def test_every_column_that_does_not_fit_is_named(tmp_path: Path) -> None:
    path = spoilt(tmp_path / "month.parquet", "passenger_count", with_value(0.5, pa.float64(), 1))
    table = pq.read_table(path)
    number = table.schema.get_field_index("trip_type")
    pq.write_table(table.set_column(number, "trip_type", pa.array([2**40] * 500)), path)
    text = refusal(path)
    assert "column 'passenger_count': 1 of 500" in text
    assert "column 'trip_type': 500 of 500" in text


def test_totals_leave_out_what_is_no_number(tmp_path: Path) -> None:
    path = spoilt(tmp_path / "month.parquet", "fare_amount", with_value("ten", pa.string(), 1))
    # A sum leaves out what is no number; the proof of conservation would fail, not crash.
    rows, sums = published_totals(path, "green", GREEN_MONTH, tmp_path)
    assert rows == 500
    assert sums["total_amount"] > sums["fare_amount"]


def test_totals_blame_the_amount_and_not_the_file_s_pages(tmp_path: Path) -> None:
    path = spoilt(tmp_path / "month.parquet", "tip_amount", with_value(1e300, pa.float64(), 1))
    with pytest.raises(NonConforming) as caught:
        published_totals(path, "green", GREEN_MONTH, tmp_path)
    assert str(caught.value) == refusal(path)


def test_nanoseconds_that_are_whole_microseconds_conform(tmp_path: Path) -> None:
    path = tmp_path / "month.parquet"
    table = synthetic(path, "green", GREEN_MONTH)
    pickups = table["lpep_pickup_datetime"]
    pq.write_table(table.set_column(1, "lpep_pickup_datetime", pickups.cast(pa.timestamp("ns"))), path)
    found = conformed(path, "green", GREEN_MONTH, tmp_path)
    assert sorted(found["pickup_at"].to_pylist()) == sorted(pickups.to_pylist())


@pytest.mark.parametrize(
    ("name", "kind"),
    [("lpep_pickup_datetime", pa.timestamp("us", "UTC")), ("fare_amount", pa.decimal128(12, 2))],
)
def test_a_type_without_an_exact_conversion_is_refused(tmp_path: Path, name: str, kind: pa.DataType) -> None:
    path = spoilt(tmp_path / "month.parquet", name, lambda values: values.cast(kind, safe=False))
    text = refusal(path)
    assert text.startswith(f"month.parquet: column {name!r} is {kind}, which can't become ")
    assert text.endswith("add a conversion to taxi_assets/tlc/conversions.py.")


@pytest.mark.parametrize(
    ("raw", "kind", "name"),
    [
        ("Weather", pa.float64(), "weather"),
        ("robot_taxi_flag", pa.large_string(), "robot_taxi_flag"),
        ("Zone-3", pa.int32(), "zone_3"),
        ('say_"so"', pa.timestamp("us"), "say__so_"),
        ("nothing_yet", pa.null(), "nothing_yet"),
    ],
)
def test_an_unknown_column_is_told_with_a_line_that_adds_it(
    tmp_path: Path, raw: str, kind: pa.DataType, name: str
) -> None:
    path = tmp_path / "month.parquet"
    table = synthetic(path, "green", GREEN_MONTH)
    pq.write_table(table.append_column(raw, pa.nulls(len(table), kind)), path)
    text = refusal(path)
    assert text.startswith(f"month.parquet: column {raw!r} ({kind}) is unknown; ")
    line = text.partition("add to taxi_assets/tlc/schema.py: ")[2].removesuffix(".")
    added: Column = eval(line, {"column": column})
    how = added.published("green", GREEN_MONTH)
    assert how is not None
    assert (added.name, how.name, how.since) == (name, raw, GREEN_MONTH)
    assert how.types == (str(kind).replace("timestamp[us]", "timestamp"),)


def test_a_missing_column_is_told_with_what_to_add(tmp_path: Path) -> None:
    path = tmp_path / "month.parquet"
    pq.write_table(synthetic(path, "green", GREEN_MONTH).drop_columns(["trip_distance"]), path)
    assert refusal(path) == (
        "month.parquet: column 'trip_distance' is missing; if the TLC dropped it, "
        "add ', 2024-01 -' to the green line of 'trip_distance' in taxi_assets/tlc/schema.py."
    )


def test_a_column_that_is_there_twice_is_not_lost_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "month.parquet"
    table = synthetic(path, "yellow", GREEN_MONTH)
    pq.write_table(table.append_column("airport_fee", pa.nulls(len(table), pa.float64())), path)
    assert refusal(path, "yellow") == "month.parquet: column 'airport_fee' is there 2 times."


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("other", SERVICES)
def test_the_file_of_another_service_is_called_that(
    tmp_path: Path, service: ServiceName, other: ServiceName
) -> None:
    if service == other:
        return
    path = tmp_path / "month.parquet"
    synthetic(path, other, GREEN_MONTH)
    told = f"its columns are those of {other}, not of {service}; fetch the file of {service}."
    assert refusal(path, service) == f"month.parquet: {told}"


@pytest.mark.parametrize("rule_set", ["default", "course", "none"])
def test_the_file_of_another_month_is_refused_under_every_rule_set(tmp_path: Path, rule_set: str) -> None:
    path = tmp_path / "month.parquet"
    synthetic(path, "green", date(2024, 2, 1))
    with pytest.raises(NonConforming) as caught:
        parted(path, "green", GREEN_MONTH, tmp_path, rule_set)
    assert str(caught.value) == (
        "month.parquet: 500 of 500 pickups lie outside 2024-01, "
        "this is the file of another month; nothing was stored."
    )


def unreadable(path: Path) -> None:
    text = refusal(path)
    assert text.startswith(f"{path.name}: not a readable Parquet file (")
    assert text.endswith("); fetch it again.")
    assert str(path.parent) not in text


def test_a_real_truncated_download_is_refused(tmp_path: Path, real_data: Path) -> None:
    path = tmp_path / "month.parquet"
    path.write_bytes((real_data / "corrupt" / "yellow_tripdata_2024-01.parquet").read_bytes())
    unreadable(path)


@pytest.mark.parametrize("kept", [0, 3, 4, 8, 5_000, -1, -8, -4_000])
def test_a_file_that_is_cut_is_refused(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "month.parquet"
    write_month(path, SERVICES["green"], GREEN_MONTH, 500)
    path.write_bytes(path.read_bytes()[:kept])
    unreadable(path)


@pytest.mark.parametrize(
    "content", [b"VendorID,lpep_pickup_datetime\n1,2\n", b"<html>403</html>", b"PAR1PAR1"]
)
def test_something_else_under_the_name_of_a_parquet_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "month.parquet"
    path.write_bytes(content)
    unreadable(path)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), flips=st.integers(1, 40))
def test_flipped_bytes_end_in_a_clear_error_or_in_all_the_rows(
    tmp_path_factory: pytest.TempPathFactory, seed: int, flips: int
) -> None:
    folder = tmp_path_factory.mktemp("flipped")
    path = folder / "month.parquet"
    write_month(path, SERVICES["green"], GREEN_MONTH, 500)
    content, draw = bytearray(path.read_bytes()), random.Random(seed)
    for _ in range(flips):
        content[draw.randrange(len(content))] ^= draw.randrange(1, 256)
    path.write_bytes(bytes(content))
    try:
        with clean(path, "green", GREEN_MONTH, folder) as cleaning:
            cleaned = sum(batch.num_rows for batch in cleaning.cleaned())
            assert cleaned + len(cleaning.quarantined().read_all()) == cleaning.published.rows
    except NonConforming as error:
        said = str(error)
    else:
        return
    assert said.startswith("month.parquet: ")
    assert said.endswith(".")


def csv_file(path: Path, change: Callable[[list[str]], list[str]]) -> Path:
    import gzip

    copy = path.with_suffix(".csv.gz")
    write_csv_month(copy, SERVICES["green"], CSV_MONTH, 500)
    path.write_text("\n".join([*change(gzip.decompress(copy.read_bytes()).decode().splitlines()), ""]))
    return path


def field_of(line: str, place: int, value: str) -> str:
    fields = line.split(",")
    fields[place] = value
    return ",".join(fields)


def test_text_that_is_no_number_or_time_in_a_csv_file_is_told(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path / "month.csv",
        lambda lines: [
            *lines[:7],
            field_of(lines[7], 1, "yesterday"),
            field_of(lines[8], 9, "much"),
            *lines[9:],
        ],
    )
    assert refusal(path, month=CSV_MONTH) == (
        "month.csv: column 'lpep_pickup_datetime': 1 of 500 values are not times between the years 1 and "
        "9999 like 2009-01-04 02:52:00, for example 'yesterday'; "
        "column 'fare_amount': 1 of 500 values are not amounts of at most 10^15 dollars, "
        "for example 'much'" + FIX
    )


@pytest.mark.parametrize(
    "spoil",
    [
        lambda line: line + ",9",
        lambda line: line.rsplit(",", 3)[0],
        lambda line: '"' + line,
    ],
    ids=["a field more", "three fields less", "an open quote"],
)
def test_a_ragged_csv_row_is_refused_with_its_line(tmp_path: Path, spoil: Callable[[str], str]) -> None:
    path = csv_file(tmp_path / "month.csv", lambda lines: [*lines[:50], spoil(lines[50]), *lines[51:]])
    text = refusal(path, month=CSV_MONTH)
    assert text.startswith("month.csv: not a readable CSV file (")
    assert "Line: 51" in text
    assert text.endswith("; fetch it again.")


def test_two_empty_fields_too_many_in_every_row_are_no_loss(tmp_path: Path) -> None:
    # So were green 2013-08 to 2015-12 and yellow 2016-07 to 2016-12 published.
    path = csv_file(tmp_path / "month.csv", lambda lines: [lines[0], *(line + ",," for line in lines[1:])])
    assert len(conformed(path, "green", CSV_MONTH, tmp_path)) == 500


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("month.csv", b"", "it has no header"),
        ("month.csv.gz", b"", "it has no header"),
        ("month.csv.gz", b"VendorID\n1\n", "Not a gzipped file"),
        ("month.csv", b"VendorID\xff\n", "'utf-8' codec can't decode"),
    ],
)
def test_something_else_under_the_name_of_a_csv_file_is_refused(
    tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    text = refusal(path, month=CSV_MONTH)
    assert text.startswith(f"{name}: not a readable CSV file ({why}")
    assert text.endswith("; fetch it again.")


@pytest.mark.parametrize("kept", [20, 9_000, -1])
def test_a_csv_gz_file_that_is_cut_is_refused(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "month.csv.gz"
    write_csv_month(path, SERVICES["green"], CSV_MONTH, 500)
    path.write_bytes(path.read_bytes()[:kept])
    assert refusal(path, month=CSV_MONTH).startswith("month.csv.gz: not a readable CSV file (")


def test_a_csv_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path / "month.csv", lambda lines: [lines[0] + ",vendorid", *(line + ",1" for line in lines[1:])]
    )
    assert refusal(path, month=CSV_MONTH) == "month.csv: column 'vendorid' is there 2 times."


def test_a_file_without_rows_is_a_month_without_rows(tmp_path: Path) -> None:
    path = tmp_path / "month.parquet"
    pq.write_table(synthetic(path, "green", GREEN_MONTH).slice(0, 0), path)
    cleaned, rejected, counts = parted(path, "green", GREEN_MONTH, tmp_path)
    assert (len(cleaned), len(rejected), set(counts.values())) == (0, 0, {0})
    assert conformed(path, "green", GREEN_MONTH, tmp_path).num_rows == 0
    header = csv_file(tmp_path / "month.csv", lambda lines: lines[:1])
    assert len(conformed(header, "green", CSV_MONTH, tmp_path)) == 0
