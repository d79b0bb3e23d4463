"""A load that fails leaves the rows that were there, and nothing else."""

from collections.abc import Iterator

import pyarrow as pa
import pytest

from taxi_assets.targets.target import Target
from taxi_assets_tests.contract.rows import FEBRUARY, JANUARY, TABLE, bag, held, put, trips
from taxi_assets_tests.contract.targets import left_over


class ProducerError(Exception):
    """What the source of the rows says when it breaks."""


def _breaking(rows: pa.Table, after: int) -> pa.RecordBatchReader:
    def batches() -> Iterator[pa.RecordBatch]:
        yield from rows.slice(0, after).to_batches(max_chunksize=1000)
        raise ProducerError("the file ends in the middle")

    return pa.RecordBatchReader.from_batches(rows.schema, batches())


@pytest.mark.parametrize("after", [0, 1, 20_000])
def test_a_producer_that_breaks_leaves_the_old_rows_and_nothing_else(target: Target, after: int) -> None:
    old = trips(100, 1)
    put(target, old)
    with pytest.raises(Exception, match="the file ends in the middle"):
        target.replace(TABLE, JANUARY, _breaking(trips(30_000, 2), after), {"version": "2"})
    assert held(target) == bag(old)
    assert target.partitions(TABLE)[JANUARY].version is None
    assert left_over(target, TABLE) == []
    new = trips(50, 3)
    put(target, new)
    assert held(target) == bag(new)


def test_a_first_load_that_breaks_leaves_no_partition(target: Target) -> None:
    put(target, trips(10))
    with pytest.raises(Exception, match="the file ends in the middle"):
        target.replace(TABLE, FEBRUARY, _breaking(trips(3000, 2, FEBRUARY), 2000))
    assert list(target.partitions(TABLE)) == [JANUARY]
    assert left_over(target, TABLE) == []
