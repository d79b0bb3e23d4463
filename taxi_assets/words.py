"""How months, assets, times and numbers are written for people: in messages, pages and pictures."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime

from taxi_assets.setting_values import TARGET_NAMES, redacted
from taxi_assets.tlc.services import SERVICES, month_key, next_month, parse_month

STAGES = ("raw", "cleaned", "quarantined", *TARGET_NAMES)
"""The first parts of a service's asset keys, in the order of the graph."""

LONGEST_REASON = 500
"""Characters of somebody else's error: what a chat shows without folding it."""

_LONGEST_LINE = 400
"""Characters of somebody else's error where it stands in a table."""

_SCALES = (
    (1_000_000_000, 1_000_000_000, "billion"),
    (1_000_000, 1_000_000, "million"),
    (10_000, 1_000, "thousand"),
)
"""From which number on which word is used for how many; 9,500 is read as easily as 9.5 thousand."""

_LEAST_PERCENT = 0.01


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


def short(text: str, longest: int = LONGEST_REASON) -> str:
    """An error on one line, cut where it gets long."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def month_in_words(month: date) -> str:
    """``January 2024``."""
    return f"{month:%B %Y}"


def scaled(largest: float) -> tuple[int, str]:
    """By what to divide numbers up to ``largest``, and the word for it: 1,000 and ``thousand``."""
    for least, factor, word in _SCALES:
        if largest >= least:
            return factor, word
    return 1, ""


def unit_in_words(word: str, unit: str) -> str:
    """``Thousand trips``, ``Trips``."""
    words = f"{word} {unit}".strip()
    return words[0].upper() + words[1:]


def in_words(value: float, unit: str) -> str:
    """``1.53 million USD``."""
    factor, word = scaled(abs(value))
    number = f"{value / factor:.3g}" if word else f"{value:,.0f}"
    return " ".join(part for part in (number, word, unit) if part)


def counted(number: int, thing: str) -> str:
    """``1 trip``, ``2,000 trips``."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def share_in_words(part: float, whole: float) -> str:
    """``0.98 %``; what is there but would round to nothing is said to be less."""
    percent = 100 * part / whole if whole else 0.0
    if 0 < percent < _LEAST_PERCENT:
        return f"less than {_LEAST_PERCENT} %"
    return f"{percent:.3g} %" if percent >= 1 or not percent else f"{percent:.2g} %"


def _span(months: list[str]) -> str:
    return months[0] if len(months) == 1 else f"{months[0]} to {months[-1]}"


def _follows(month: str, before: str) -> bool:
    try:
        return month_key(next_month(parse_month(before))) == month
    except ValueError:
        return False


def error_line(error: BaseException) -> str:
    """An exception in one line, without passwords in URLs, at a length that fits a table."""
    said = redacted(" ".join(str(error).split()))
    line = f"{type(error).__name__}: {said}" if said else type(error).__name__
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…"
