"""The first rows of a stream as Markdown, whatever they hold."""

from datetime import date, datetime

import pyarrow as pa

from taxi_assets.targets.lazy import Guarded
from taxi_assets.targets.preview import Head, preview


def test_the_first_rows_are_kept_across_batches_and_no_batch_with_them() -> None:
    table = pa.table({"n": list(range(1000))})
    guarded = Guarded(table.to_reader(max_chunksize=3), head=5)
    assert sum(batch.num_rows for batch in guarded.reader) == 1000
    kept = guarded.head.rows
    assert kept is not None
    assert kept["n"].to_pylist() == [0, 1, 2, 3, 4]
    assert kept.nbytes < 100


def test_a_stream_without_rows_and_a_preview_of_none_keep_nothing() -> None:
    empty = Head(5)
    empty.see(pa.record_batch({"n": pa.array([], pa.int64())}))
    unwanted = Head(0)
    unwanted.see(pa.record_batch({"n": [1]}))
    assert (empty.rows, unwanted.rows) == (None, None)


def test_the_partition_column_is_not_among_what_is_kept() -> None:
    table = pa.table({"n": [1], "trip_month": [date(2024, 1, 1)]})
    guarded = Guarded(table, partition=("trip_month", date(2024, 1, 1)), head=5)
    guarded.reader.read_all()
    assert guarded.head.rows == pa.table({"n": [1]})


def test_no_value_can_break_the_table() -> None:
    rows = pa.table(
        {
            "text": ["a|b\nc", "x" * 100],
            "times": [datetime(2024, 1, 1, 12), None],  # noqa: DTZ001 - wall clock, as the trips'
            "reasons": [["one", "two"], []],
        }
    )
    lines = str(preview(rows).value).splitlines()
    assert lines[0] == "| column | row 1 | row 2 |"
    assert lines[2] == f"| text | a\\|b c | {'x' * 39}… |"
    assert lines[3] == "| times | 2024-01-01 12:00:00 |  |"
    assert lines[4] == "| reasons | one, two |  |"


def test_a_column_of_any_type_that_a_stream_may_have_is_shown() -> None:
    table = pa.table(
        {
            "view": pa.array(["a"], pa.string_view()),
            "dictionary": pa.array(["b"]).dictionary_encode(),
            "far": pa.array([2**60], pa.timestamp("us")),
            "nanoseconds": pa.array([1], pa.timestamp("ns")),
            "nothing": pa.nulls(1),
        }
    )
    guarded = Guarded(table.to_reader(), head=5)
    for _ in guarded.reader:
        pass
    assert guarded.head.rows is not None
    lines = str(preview(guarded.head.rows).value).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == [f"| {name}" for name in table.column_names]
    assert lines[2:4] == ["| view | a |", "| dictionary | b |"]
