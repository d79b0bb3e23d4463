"""What the UI shows of a month's rejected rows: how many for which reason, what the rule means, some rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from dagster import MetadataValue

from taxi_assets.targets import markdown
from taxi_assets.tlc.rules import Rule
from taxi_assets.tlc.samples import COLUMNS, Sample
from taxi_assets.tlc.schema import columns
from taxi_assets.tlc.services import ServiceName

REJECTED = "rejected/"
"""Begins the names of the numbers that the UI draws over the months, one a reason."""


def reasons_told(rules: Sequence[Rule], counts: Mapping[str, int], rows: int) -> Mapping[str, Any]:
    """Rejected rows by reason: a table with the meaning of each, and a number a reason for the plots.

    Args:
        rules: That held for the month.
        counts: Rejected rows by reason; a row counts once under each of its reasons.
        rows: Of the published file.
    """
    meanings: dict[str, str] = {}
    for rule in rules:
        meanings.setdefault(rule.name, rule.why)
    whole = {name: counts.get(name, 0) for name in meanings}
    ordered = sorted(whole.items(), key=lambda item: -item[1])
    lines = [(name, f"{count:,}", f"{count / max(rows, 1):.3%}", meanings[name]) for name, count in ordered]
    numbers = ("rows", "of the published rows")
    return {
        "reasons": MetadataValue.md(markdown.table(("reason", *numbers, "what it means"), lines, numbers)),
        # Zeros too: a month without them would be a gap in the plot.
        **{f"{REJECTED}{name}": count for name, count in whole.items()},
    }


def samples_told(service: ServiceName, samples: Mapping[str, Sequence[Sample]]) -> Mapping[str, Any]:
    """Some rejected rows of each reason, as a table; nothing where no row was rejected, or none was kept."""
    names = [column.name for column in columns(service)]
    head = ["reason", *(name for name in COLUMNS if name in names), "reasons"]
    lines = [
        [reason, *(_shown(row.get(name)) for name in head[1:])]
        for reason, rows in sorted(samples.items())
        for row in rows
    ]
    # A table of Dagster's own is drawn at full width, and pushes the meanings of the reasons out of sight.
    return {"samples": MetadataValue.md(markdown.table(head, lines))} if lines else {}


def _shown(value: object) -> str:
    """A value as a cell of the table; nothing where there is none."""
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value is None else str(value)
