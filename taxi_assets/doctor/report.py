"""Shows findings to people: a table, the remedy below what was found, and one line that sums up."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from taxi_assets.doctor.finding import Finding, Level

_STYLES: dict[Level, str] = {"ok": "green", "warning": "yellow", "problem": "bold red"}
_WIDTH = 110  # of a log or pipe; a terminal knows its own


def show(findings: Sequence[Finding], console: Console | None = None) -> None:
    """Print ``findings`` and their summary."""
    console = console or Console()
    if not console.is_terminal:
        console = Console(file=console.file, width=_WIDTH)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("", "setting", "subject"):
        table.add_column(heading, no_wrap=True)
    table.add_column("found, and what to do", overflow="fold")
    setting = ""
    for one in findings:
        # Text, not markup: an error may hold square brackets.
        told = Text(one.found)
        if one.remedy:
            told.append(f"\n→ {one.remedy}", style="bold")
        shown = "" if one.setting == setting and one.level == "ok" else one.setting
        table.add_row(Text(one.level, _STYLES[one.level]), Text(shown), Text(one.subject), told)
        setting = one.setting
    console.print(table)
    console.print(Text(summary(findings)))


def summary(findings: Sequence[Finding]) -> str:
    """How many of each, in a sentence."""
    problems = [one for one in findings if one.level == "problem"]
    warnings = sum(one.level == "warning" for one in findings)
    warned = f"{warnings} warning{'' if warnings == 1 else 's'}"
    if not problems:
        return "Everything is as it should be." if not warnings else f"No problem, {warned}."
    settings = ", ".join(dict.fromkeys(one.setting for one in problems))
    number = f"{len(problems)} problem{'' if len(problems) == 1 else 's'}"
    return f"{number} ({settings}), {warned}."
