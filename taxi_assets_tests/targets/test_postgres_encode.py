"""Rows encoded by column are, byte for byte, those that pgpq encodes field by field."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxi_assets.targets.postgres.by_column import SHAPED, ByColumn
from taxi_assets.targets.postgres.encode import ByField, Encoder, encoder_for
from taxi_assets_tests.targets.test_postgres_round_trip import VALUES, moments

KINDS = {kind: values for kind, values in VALUES if kind in SHAPED} | {pa.timestamp("us", tz="UTC"): moments}


@st.composite
def blocks(draw: st.DrawFn) -> pa.RecordBatch:
    """Some rows of any columns, out of the midst of a longer batch."""
    kinds = draw(st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=6))
    count = draw(st.integers(1, 40))
    columns = []
    for kind in kinds:
        values = KINDS[kind] if draw(st.booleans()) else KINDS[kind] | st.none()
        columns.append(pa.array(draw(st.lists(values, min_size=count, max_size=count)), kind))
    batch = pa.RecordBatch.from_arrays(columns, [f"{number}" for number in range(len(kinds))])
    first = draw(st.integers(0, count - 1))
    return batch.slice(first, draw(st.integers(1, count)))


def encoded(encoder: Encoder, batch: pa.RecordBatch) -> bytes:
    return b"".join([encoder.start(), *encoder.encode(batch), encoder.finish()])


def by_field(batch: pa.RecordBatch) -> bytes:
    return encoded(ByField({field.name: field.type for field in batch.schema}), batch)


@given(blocks())
def test_both_encoders_give_the_same_bytes(batch: pa.RecordBatch) -> None:
    assert encoded(ByColumn(), batch) == by_field(batch)


@pytest.mark.parametrize("number_of_nulls", [0, 1, 4095, 4096])
def test_nulls_and_texts_of_many_lengths_take_no_room_in_a_whole_block(number_of_nulls: int) -> None:
    nulls = [None] * number_of_nulls
    batch = pa.record_batch(
        {
            "text": pa.array([*nulls, *("x" * (n % 7) for n in range(4096))][:4096], pa.string()),
            "number": pa.array([*range(4096 - number_of_nulls), *nulls], pa.int32()),
        }
    )
    assert encoded(ByColumn(), batch) == by_field(batch)


def test_one_long_text_among_short_ones_does_not_give_every_row_its_room() -> None:
    texts = ["short"] * 4095
    texts.insert(1234, "long" * 500_000)
    batch = pa.record_batch({"text": texts})
    pieces = list(ByColumn().encode(batch))
    assert max(len(piece) for piece in pieces) < 2_100_000
    assert encoded(ByColumn(), batch) == by_field(batch)


def test_what_lies_beneath_a_null_is_neither_sent_nor_judged() -> None:
    valid = pa.py_buffer(b"\x02")  # the second of two
    numbers = pa.array([-(2**63), 5], pa.int64()).buffers()[1]
    hidden = pa.Array.from_buffers(pa.timestamp("us"), 2, [valid, numbers])
    letters = pa.Array.from_buffers(pa.string(), 2, [valid, *pa.array(["hidden", "seen"]).buffers()[1:]])
    batch = pa.record_batch({"moment": hidden, "text": letters})
    plain = pa.record_batch({"moment": pa.array([None, 5], pa.timestamp("us")), "text": [None, "seen"]})
    assert encoded(ByColumn(), batch) == encoded(ByColumn(), plain) == by_field(plain)


@pytest.mark.parametrize(
    ("least", "first"),
    [
        (pa.array([-(2**63) + 946_684_800_000_000], pa.timestamp("us")), -(2**63) + 946_684_800_000_001),
        (pa.array([-(2**31) + 10_957], pa.date32()), -(2**31) + 10_958),
    ],
)
def test_a_time_that_postgres_would_take_for_minus_infinity_is_refused(least: pa.Array, first: int) -> None:
    with pytest.raises(ValueError, match="too early"):
        encoded(ByColumn(), pa.record_batch({"moment": least}))
    encoded(ByColumn(), pa.record_batch({"moment": pa.array([first], least.type)}))


def test_arrays_and_numerics_are_encoded_by_field_and_all_else_by_column() -> None:
    assert isinstance(encoder_for({f"{kind}": kind for kind in KINDS}), ByColumn)
    assert KINDS.keys() == SHAPED
    for other in (pa.list_(pa.int32()), pa.decimal128(9, 2)):
        assert isinstance(encoder_for({"month": pa.date32(), "other": other}), ByField)
