"""One replace of one partition: the rows, the facts that say where they are from, the journal's entry."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
from dagster import Failure

from taxi_assets.targets.failures import refusals
from taxi_assets.targets.journal import Recorder, Transactional
from taxi_assets.targets.lazy import Guarded, LazyPartition, SettledFacts
from taxi_assets.targets.offered import head_of
from taxi_assets.targets.target import Facts, Held, Report, Target, TargetError
from taxi_assets.targets.wanted import while_run_stands


@dataclass(frozen=True)
class Replacement:
    """Puts rows into ``when`` of a target's tables, and enters it."""

    target: Target
    recorder: Recorder
    when: date | None

    def from_objects(
        self, path: Sequence[str], partition: LazyPartition, held: Held | None, preview_rows: int = 0
    ) -> tuple[Report, pa.Table | None] | None:
        """Let the store load the partition's objects; None if there are none, or it can't.

        The first rows come with the report, if they are wanted and there are any.
        """
        with refusals():
            objects = None if partition.siblings else partition.objects()
            if objects is None:
                return None
            facts = {**partition.facts, **self._begin(held)}
            with while_run_stands(self.recorder.context):
                report = self.target.replace_from(self.target.table_name(path), self.when, objects, facts)
        if report is None:
            return None
        self.recorder.record(path, self.when, report.rows, report.replaced_rows, facts)
        return report, head_of(objects, preview_rows)

    def from_stream(
        self, path: Sequence[str], partition: LazyPartition, held: Held | None, rows: Guarded
    ) -> Report:
        """Stream the rows into the store.

        Raises:
            Failure: The target refuses the rows; a retry can't help.
        """
        facts = SettledFacts({**partition.facts, **self._begin(held)}, partition.outcome, rows)
        try:
            with while_run_stands(self.recorder.context):
                return self._replace(path, rows, facts)
        except Exception as error:
            cause = rows.error or error
            if isinstance(cause, TargetError):
                raise Failure(str(cause), allow_retries=False) from cause
            raise cause from (error if cause is not error else None)

    def _replace(self, path: Sequence[str], rows: Guarded, facts: Facts) -> Report:
        table = self.target.table_name(path)
        if self.recorder.joins(self.target) and isinstance(self.target, Transactional):

            def also(transaction: Any, count: int, replaced: int | None) -> None:
                self.recorder.record(path, self.when, count, replaced, facts, transaction)

            return self.target.replace_also(table, self.when, rows.reader, facts, also)
        report = self.target.replace(table, self.when, rows.reader, facts)
        self.recorder.record(path, self.when, report.rows, report.replaced_rows, facts)
        return report

    def _begin(self, held: Held | None) -> Facts:
        return self.recorder.begin(held.rows if held else None)
