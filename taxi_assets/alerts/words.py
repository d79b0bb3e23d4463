"""How months, assets and times are written in a message."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from taxi_assets.setting_values import TARGET_NAMES
from taxi_assets.tlc.services import SERVICES, month_key, next_month, parse_month

STAGES = ("raw", "cleaned", "quarantined", *TARGET_NAMES)
"""The first parts of a service's asset keys, in the order of the graph."""

LONGEST_REASON = 500
"""Characters of somebody else's error: what a chat shows without folding it."""


def subject(name: str) -> tuple[str, str]:
    """Service and stage of an asset: ``postgres/green_trips`` is green's postgres; any other is itself."""
    stage, _, last = name.rpartition("/")
    service = last.removesuffix("_trips")
    return (service, stage) if stage and last.endswith("_trips") and service in SERVICES else (name, "")


def spans(months: Iterable[str]) -> str:
    """Months in short: ``2024-01 to 2024-03, 2024-06``; what is no month stays as it is."""
    found = sorted({month for month in months if month})
    runs: list[list[str]] = []
    for month in found:
        if runs and _follows(month, runs[-1][-1]):
            runs[-1].append(month)
        else:
            runs.append([month])
    return ", ".join(_span(run) for run in runs)


def listed(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def in_order(names: Iterable[str]) -> list[str]:
    """Names in the order of the graph, by their first word or part."""
    order = {stage: place for place, stage in enumerate(STAGES)}
    return sorted(names, key=lambda name: (order.get(re.split("[/ ]", name)[0], len(order)), name))


def moment(at: float) -> str:
    """A time as people read it."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def short(text: str) -> str:
    """An error on one line, cut where it gets long."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON - 1]}…"


def _span(months: list[str]) -> str:
    return months[0] if len(months) == 1 else f"{months[0]} to {months[-1]}"


def _follows(month: str, before: str) -> bool:
    try:
        return month_key(next_month(parse_month(before))) == month
    except ValueError:
        return False
