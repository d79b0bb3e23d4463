"""Months that were published anew with another content, as the run that fetched them recorded it."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from dagster import AssetMaterialization

from taxi_assets.alerts.events import Told
from taxi_assets.alerts.outbox import Unsent
from taxi_assets.setting_values import TARGET_NAMES
from taxi_assets.words import listed, spans, subject


def republished(told: Told, link: str) -> list[Unsent]:
    """One message per service about all of the run's months whose published content is another now."""
    changed: dict[str, dict[str, str]] = defaultdict(dict)
    for problem, made in sorted(told.replaced.items()):
        service, stage = subject(problem.name)  # a report is a file that is replaced, too
        if stage == "raw" and (difference := _difference(made)):
            changed[service][problem.month] = difference
    return [_message(service, months, _stores(told, service), link) for service, months in changed.items()]


def _stores(told: Told, service: str) -> str:
    made = {subject(problem.name)[1] for problem in told.made if subject(problem.name)[0] == service}
    stores = [target for target in TARGET_NAMES if target in made]
    return f"The run brought it to {listed(stores)}." if stores else "No store has it yet."


def _message(service: str, months: Mapping[str, str], stores: str, link: str) -> Unsent:
    if len(months) == 1:
        title = f"{service} {spans(months)} was re-published: {next(iter(months.values()))}"
    else:
        title = f"{service} {spans(months)}: {len(months)} months were re-published"
    lines = [f"{month}: {difference}" for month, difference in months.items()]
    return Unsent(title=title, body="\n".join([*lines, stores, link]), kind="info")


def _difference(made: AssetMaterialization) -> str:
    """``39,156 -> 44,163 rows``; '' if the same content was only fetched again."""
    facts: Mapping[str, Any] = {name: value.value for name, value in made.metadata.items()}
    if facts.get("sha256_before") == facts.get("sha256"):
        return ""
    before, now = facts.get("rows_before"), facts.get("dagster/partition_row_count")
    if before is None or now is None:  # csv.gz, whose rows nobody counts
        return f"{int(facts.get('bytes_before', 0)):,} -> {int(facts.get('bytes', 0)):,} bytes"
    if int(before) == int(now):
        return f"{int(now):,} rows as before, with another content"
    return f"{int(before):,} -> {int(now):,} rows"
