"""A few rejected rows of every reason are kept: real ones, never more than three, and for next to nothing."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taxi_assets.tlc.clean import clean
from taxi_assets.tlc.rules import Rule, rules_for
from taxi_assets.tlc.samples import COLUMNS, ROWS_OF_A_REASON, Samples
from taxi_assets.tlc.services import SERVICES, ServiceName
from taxi_assets.tlc.synthetic import write_month

MONTH = date(2023, 1, 1)
RULES = rules_for("green", "default")


@pytest.mark.parametrize("service", SERVICES)
def test_the_samples_are_rows_of_the_quarantine_under_their_reasons(
    tmp_path: Path, service: ServiceName
) -> None:
    path = tmp_path / "month.parquet"
    write_month(path, SERVICES[service], MONTH, 20_000)
    with clean(path, service, MONTH, tmp_path) as cleaning:
        cleaning.cleaned().read_all()
        rejected = cleaning.quarantined().read_all().to_pylist()
        counts, samples = cleaning.counts(), cleaning.samples.found
    for reason, count in counts.items():
        found = samples.get(reason, [])
        assert len(found) == min(count, ROWS_OF_A_REASON)
        for row in found:
            assert reason in row["reasons"]
            assert row in [{name: one[name] for name in row} for one in rejected]
    shown = {name for rows in samples.values() for row in rows for name in row} - {"reasons"}
    read = {column for rule in rules_for(service, "default") for column in rule.needs}
    assert read <= shown <= set(COLUMNS)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 2 ** len(RULES) - 1), max_size=6), max_size=6))
def test_whatever_the_batches_each_reason_has_its_first_rows(batches: list[list[int]]) -> None:
    samples, number, expected = Samples(), 0, dict[str, list[float]]()
    for verdicts in batches:
        rows = [float(number + place) for place in range(len(verdicts))]
        number += len(verdicts)
        for row, verdict in zip(rows, verdicts, strict=True):
            for reason in broken(verdict):
                expected.setdefault(reason, []).append(row)
        batch = pa.record_batch({"fare_amount": pa.array(rows, pa.float64()), "_verdict": ints(verdicts)})
        samples.take(batch, RULES)
    found = {reason: [row["fare_amount"] for row in rows] for reason, rows in samples.found.items()}
    assert found == {reason: rows[:ROWS_OF_A_REASON] for reason, rows in expected.items()}


def broken(verdict: int) -> list[str]:
    return [rule.name for bit, rule in enumerate(RULES) if verdict & (1 << bit)]


def ints(verdicts: list[int]) -> pa.Array:
    return pa.array(verdicts, pa.int32())


def test_no_rules_take_no_sample() -> None:
    none: tuple[Rule, ...] = ()
    samples = Samples()
    samples.take(pa.record_batch({"fare_amount": pa.array([1.0]), "_verdict": ints([0])}), none)
    assert samples.found == {}
