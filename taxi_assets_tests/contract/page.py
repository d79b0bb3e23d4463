"""The target that docs/add-a-target.md prints, taken out of the page: what it says must work as printed.

It is this module's own code then, so that processes which load can import the class by its name.
"""

from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "add-a-target.md"


FeatherTarget: Any  # a Target; the page says which


def printed_code(page: Path) -> str:
    """The page's Python, with its line numbers kept for tracebacks."""
    lines, inside = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        fence = line.startswith("```")
        lines.append(line if inside and not fence else "")
        inside = (not inside and line == "```python") if fence else inside
    return "\n".join(lines) + "\n"


exec(compile(printed_code(PAGE), str(PAGE), "exec"), globals())  # the page is ours, as this file is
