"""Arrow rows as the bytes of a binary COPY: a column at a time, while others hold the interpreter's lock.

A row of COPY is the number of its fields, then for each field the length of its value and the value in
network order. Where no value is null and none varies in length, every row of a block has one shape, and numpy
turns a column's bytes around into its place in all rows at once; such a copy doesn't need the interpreter's
lock, so a thread that sends goes on meanwhile. Nulls and texts of several lengths get the room of the
longest, and what they leave unused is cut out of the block in the end, in one pass.

For yellow rows it takes a third of the time of pgpq, which encodes field by field and under the lock, for
fhvhv nine tenths, and for fhv of 2019, where half the fields are null, twice as long.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from psycopg.abc import Buffer

_LARGEST_BLOCK = 4 * 2**20  # bytes; one long text among short ones would give every row its room

Bytes: TypeAlias = npt.NDArray[np.uint8]
Numbers: TypeAlias = npt.NDArray[Any]
Valid: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Number:
    """How values of one width are sent.

    Attributes:
        sent: Their type, in network order.
        zero: What Postgres counts from, as Arrow counts it: 2000-01-01 in days or microseconds.
    """

    sent: str
    zero: int = 0


_DAY, _MICROSECOND = _Number(">i4", 10_957), _Number(">i8", 946_684_800_000_000)
_NUMBERS: Mapping[pa.DataType, _Number] = {
    pa.bool_(): _Number("|u1"),
    pa.int16(): _Number(">i2"),
    pa.int32(): _Number(">i4"),
    pa.int64(): _Number(">i8"),
    pa.float32(): _Number(">f4"),
    pa.float64(): _Number(">f8"),
    pa.date32(): _DAY,
    pa.time64("us"): _Number(">i8"),
    pa.timestamp("us"): _MICROSECOND,
    pa.timestamp("us", tz="UTC"): _MICROSECOND,
}
_TEXTS = (pa.string(), pa.binary())
SHAPED = frozenset([*_NUMBERS, *_TEXTS])
"""Types that can be encoded by column."""


@dataclass(frozen=True)
class _Field:
    """A column's part of a block.

    Attributes:
        width: Bytes of its longest value.
        lengths: Bytes of its values, one number if all have as many; -1 for null.
        put: Writes the values, each with the room of the longest, into that part of the rows.
        valid: Which values are there, if they have one length but for nulls.
    """

    width: int
    lengths: int | Numbers
    put: Callable[[Bytes], None]
    valid: Valid | None = None

    def used(self) -> Valid:
        """Which bytes of the room belong to a value; one column if that is the same for all of a row."""
        if self.valid is not None:
            return self.valid[:, None]
        used: Valid = np.arange(self.width, dtype=np.int32) < np.asarray(self.lengths)[:, None]
        return used


class ByColumn:
    """numpy, for numbers, times and texts."""

    rows = 4096
    """A megabyte: more would leave the processor's cache, fewer cost numpy's calls."""

    def __init__(self) -> None:
        self._used = np.empty((0, 0), np.bool_)

    def start(self) -> bytes:
        """See ``Encoder.start``."""
        return b"PGCOPY\n\xff\r\n\0" + bytes(8)

    def encode(self, block: pa.RecordBatch) -> Iterator[Buffer]:
        """See ``Encoder.encode``."""
        count = block.num_rows
        fields = [_field(values) for values in block.columns]
        width = 2 + sum(4 + field.width for field in fields)
        if count > 1 and count * width > _LARGEST_BLOCK:
            yield from self.encode(block.slice(0, count // 2))
            yield from self.encode(block.slice(count // 2))
        elif count:
            yield self._rows(fields, count, width).data

    def finish(self) -> bytes:
        """See ``Encoder.finish``."""
        return struct.pack(">h", -1)

    def _rows(self, fields: Sequence[_Field], count: int, width: int) -> Bytes:
        """The block as one row of bytes."""
        rows = np.empty((count, width), np.uint8)
        rows[:] = np.frombuffer(_shape(fields), np.uint8)
        used: Valid | None = None
        start = 2
        for field in fields:
            value = slice(start + 4, start + 4 + field.width)
            if field.width:
                field.put(rows[:, value])
            if not isinstance(field.lengths, int):
                _each_as(np.dtype(">i4"), rows[:, start : start + 4])[:] = field.lengths
                used = self._all_used(count, width) if used is None else used
                used[:, value] = field.used()
            start = value.stop
        return rows.reshape(-1) if used is None else rows[used]

    def _all_used(self, count: int, width: int) -> Valid:
        """A mask of all bytes, in the last block's place: a new megabyte costs as much as the cut."""
        if self._used.shape != (count, width):
            self._used = np.empty((count, width), np.bool_)
        self._used.fill(True)
        return self._used


def _shape(fields: Sequence[_Field]) -> bytes:
    """A row with everything that all rows have alike."""
    parts = [struct.pack(">h", len(fields))]
    for field in fields:
        length = field.lengths if isinstance(field.lengths, int) else 0
        parts.append(struct.pack(">i", length) + bytes(field.width))
    return b"".join(parts)


def _each_as(kind: np.dtype[Any], room: Bytes) -> Numbers:
    """Some bytes of every row as one value each; they need not be aligned."""
    values: Numbers = room.view(kind)[:, 0]
    return values


def _field(values: pa.Array) -> _Field:
    if values.null_count == len(values):
        return _Field(0, -1, lambda _: None)
    valid = _bits(values, values.buffers()[0]) if values.null_count else None
    return _texts(values, valid) if values.type in _TEXTS else _numbers(values, valid)


def _numbers(values: pa.Array, valid: Valid | None) -> _Field:
    how = _NUMBERS[values.type]
    sent = np.dtype(how.sent)
    bits = values.buffers()[1]
    if pa.types.is_boolean(values.type):
        numbers = _bits(values, bits).view(np.uint8)
    else:
        numbers = _slice(bits, sent.newbyteorder("="), values.offset, len(values))
    if how.zero:
        numbers = _counted_from(how.zero, numbers, valid)

    def put(room: Bytes) -> None:
        _each_as(sent, room)[:] = numbers

    width = sent.itemsize
    return _Field(width, width if valid is None else np.where(valid, width, -1), put, valid)


def _counted_from(zero: int, numbers: Numbers, valid: Valid | None) -> Numbers:
    """Numbers from another zero on. The least of all stands for -infinity in Postgres, and is refused."""
    least = np.iinfo(numbers.dtype).min + zero
    if numbers.min() <= least:
        # Beneath a null may be anything.
        numbers = numbers if valid is None else np.where(valid, numbers, zero)
        if (found := numbers.min()) <= least:
            raise ValueError(f"{found} is too early")
    moved: Numbers = numbers - numbers.dtype.type(zero)
    return moved


def _texts(values: pa.Array, valid: Valid | None) -> _Field:
    _, offsets, data = values.buffers()
    ends = _slice(offsets, np.dtype(np.int32), values.offset, len(values) + 1)
    lengths = np.diff(ends)
    if valid is not None:
        lengths = np.where(valid, lengths, np.int32(-1))
    shortest, width = int(lengths.min()), max(int(lengths.max()), 0)

    def put(room: Bytes) -> None:
        text = np.dtype(f"V{width}")
        letters = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]
        if shortest == width:
            _each_as(text, room)[:] = letters.view(text)
        else:  # with what follows a shorter text, which is cut out again
            followed = np.concatenate([letters, np.zeros(width, np.uint8)])
            windows = np.ndarray(len(letters) + 1, text, followed, strides=(1,))
            _each_as(text, room)[:] = windows[ends[:-1] - ends[0]]

    return _Field(width, width if shortest == width else lengths, put)


def _slice(buffer: pa.Buffer, kind: np.dtype[Any], first: int, count: int) -> Numbers:
    return np.frombuffer(buffer, kind, count, first * kind.itemsize)


def _bits(values: pa.Array, buffer: pa.Buffer) -> Valid:
    """A slice's bits, least first, as an array."""
    first, skipped = divmod(values.offset, 8)
    count = skipped + len(values)
    taken = _slice(buffer, np.dtype(np.uint8), first, (count + 7) // 8)
    return np.unpackbits(taken, count=count, bitorder="little")[skipped:].view(np.bool_)
