"""One pass over a published file: valid rows stream out, rejected ones are kept with all their reasons.

DuckDB conforms and judges 2,048 rows at a time on both cores; Python only splits each batch by the verdict.
Rejected rows, a few in a hundred, wait in an unnamed temporary file until they are asked for: the operating
system takes it back even if the process is killed.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import IO

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from taxi_assets.tlc.conform import NonConforming, PublishedFile, open_published
from taxi_assets.tlc.engine import engine, give_back
from taxi_assets.tlc.profile import Profile, Profiler
from taxi_assets.tlc.refunds import find_refunds
from taxi_assets.tlc.rules import REFUNDED, Rule, Thresholds, rules_for, variables
from taxi_assets.tlc.samples import Samples
from taxi_assets.tlc.schema import canonical_schema
from taxi_assets.tlc.services import ServiceName, month_key

_REASONS = pa.field(
    "reasons", pa.list_(pa.string()), metadata={"description": "Every cleaning rule that the row breaks"}
)


def quarantine_schema(service: ServiceName) -> pa.Schema:
    """The canonical schema with the reasons of a rejected row."""
    return canonical_schema(service).append(_REASONS)


@dataclass
class Cleaning:
    """A published file on its way through the rules; made by ``clean``.

    Attributes:
        published: The file.
        rules: The rules that hold for it.
        rows: Rows read so far.
        rejected: Rows rejected so far.
        samples: A few rejected rows of each reason.
        reasons: Rejected rows by reason; a row counts once under each of its reasons.
    """

    published: PublishedFile
    rules: tuple[Rule, ...]
    connection: duckdb.DuckDBPyConnection
    spill: IO[bytes]
    rows: int = 0
    rejected: int = 0
    samples: Samples = field(default_factory=Samples)
    reasons: Counter[str] = field(default_factory=Counter)
    _complete: bool = False

    def __post_init__(self) -> None:
        self._profiler = Profiler(self.published.service, self.published.month)

    def cleaned(self) -> pa.RecordBatchReader:
        """Stream the valid rows. This is the pass: read it to its end, once.

        Raises:
            NonConforming: See ``conform``; also when most rows lie outside the file's month.
        """
        return pa.RecordBatchReader.from_batches(canonical_schema(self.published.service), self._split())

    def quarantined(self) -> pa.RecordBatchReader:
        """Stream the rejected rows, after ``cleaned`` came to its end.

        Raises:
            RuntimeError: It has not.
        """
        if not self._complete:
            raise RuntimeError("The rejected rows are known only when all valid ones have been read.")
        self.spill.seek(0)
        return pa.ipc.open_stream(self.spill)

    def counts(self) -> Mapping[str, int]:
        """Rejected rows by reason, every rule named, the frequent ones first."""
        return dict(Counter({rule.name: 0 for rule in self.rules} | self.reasons).most_common())

    def profile(self) -> Profile:
        """What the month looks like, as far as it was read."""
        return self._profiler.finish()

    def _split(self) -> Iterator[pa.RecordBatch]:
        schema = canonical_schema(self.published.service)
        rejected_schema = quarantine_schema(self.published.service)
        spill = pa.ipc.new_stream(self.spill, rejected_schema)
        for batch in self.published.stream(self.connection, self._verdicts()):
            verdict = batch.column("_verdict")
            self.samples.take(batch, self.rules)
            rows = pa.RecordBatch.from_arrays(batch.columns[:-1], schema=schema)
            self.rows += rows.num_rows
            rejected = pc.not_equal(verdict, 0)
            count = rejected.true_count
            if count:
                self.rejected += count
                reasons = self._reasons(verdict.filter(rejected))
                thrown_out = rows.filter(rejected)
                self._profiler.add_rejected(thrown_out)
                spill.write_batch(
                    pa.RecordBatch.from_arrays([*thrown_out.columns, reasons], schema=rejected_schema)
                )
                rows = rows.filter(pc.equal(verdict, 0))
            self._profiler.add(rows)
            yield rows
        spill.close()  # only here: of a pass that is given up nobody reads the spill
        self._check()
        self._complete = True

    def _verdicts(self) -> str:
        bits = [
            f"CASE WHEN {rule.predicate} THEN {1 << bit} ELSE 0 END" for bit, rule in enumerate(self.rules)
        ]
        rows = self.published.select("file_row_number AS _row")
        verdict = " | ".join(bits) or "0"
        return f"SELECT * EXCLUDE (_row), CAST({verdict} AS INTEGER) AS _verdict FROM ({rows})"  # noqa: S608

    def _reasons(self, verdicts: pa.Array) -> pa.Array:
        """The names of the rules behind each verdict's bits; there are few different verdicts."""
        encoded = verdicts.dictionary_encode()
        names = [
            [rule.name for bit, rule in enumerate(self.rules) if verdict & (1 << bit)]
            for verdict in encoded.dictionary.to_pylist()
        ]
        for value in pc.value_counts(encoded.indices).to_pylist():
            for name in names[value["values"]]:
                self.reasons[name] += value["counts"]
        return pa.array(names, _REASONS.type).take(encoded.indices)

    def _check(self) -> None:
        """Refuse what can't be this month's file, and a pass that lost a row."""
        file = self.published
        # Whatever the rules: another month's file is wrong under every rule set.
        outside = self.profile().strays(file.month)
        if self.rows != file.rows:
            raise NonConforming(
                f"{file.name}: {self.rows:,} rows were read, its footer tells {file.rows:,}; fetch it again."
            )
        if outside > self.rows / 2:
            raise NonConforming(
                f"{file.name}: {outside:,} of {self.rows:,} pickups lie outside {month_key(file.month)}, "
                f"this is the file of another month; nothing was stored."
            )


@contextmanager
def clean(
    path: Path,
    service: ServiceName,
    month: date,
    scratch: Path,
    rule_set: str = "default",
    thresholds: Thresholds | None = None,
) -> Iterator[Cleaning]:
    """Open a published file for cleaning. Its rows are read when ``Cleaning.cleaned`` is, inside the context.

    Args:
        path: The published file, Parquet or csv.gz.
        service: Whose file it is.
        month: Of which month.
        scratch: Directory for temporary files; the caller deletes it.
        rule_set: A name in ``RULE_SETS``.
        thresholds: The numbers in the rules.

    Raises:
        NonConforming: The file's columns are not what the schema table says.
        ValueError: No such rule set.
    """
    rules = rules_for(service, rule_set)
    with engine(scratch) as connection, tempfile.TemporaryFile(dir=scratch) as spill:
        published = open_published(path, service, month, scratch, connection)
        for name, value in variables(month, thresholds or Thresholds()).items():
            connection.execute(f"SET VARIABLE {name} = ?", [value])
        if REFUNDED in rules:
            find_refunds(published, connection)
            give_back(connection)
        yield Cleaning(published, rules, connection, spill)
