"""Makes the tables of columns in ``docs/marts.md`` out of ``table.py``.

    python -m taxi_assets.marts.page docs/marts.md

The rest of the page is written by hand. A test compares the two.
"""

import re
import sys
from pathlib import Path

from taxi_assets.marts.table import MARTS, Mart

COMMAND = "python -m taxi_assets.marts.page docs/marts.md"

_BEGIN = f"<!-- Made from taxi_assets/marts/table.py by `{COMMAND}`: edit the table there. -->"
_END = "<!-- Written by hand again. -->"


def section() -> str:
    """What stands between the two marks, marks included."""
    return "\n\n".join([_BEGIN, *map(_table, MARTS), _END])


def made(page: str) -> str:
    """The page with its tables as they should be.

    Raises:
        ValueError: The page has no place for them.
    """
    parts = re.split(f"{re.escape(_BEGIN)}.*{re.escape(_END)}", page, flags=re.DOTALL)
    if len(parts) != 2:
        raise ValueError(f"the page needs the lines {_BEGIN!r} and {_END!r}, once")
    return section().join(parts)


def _table(mart: Mart) -> str:
    rows = [f"| `{one.name}` | {one.kind} | {one.unit} | {one.meaning} |" for one in mart.columns]
    month = "| `trip_month` | date32[day] | first day of the month | Month of the published file. |"
    head = "| Column | Type | Unit | Meaning |\n| --- | --- | --- | --- |"
    return "\n".join([f"### `{mart.name}`\n\n{mart.what}\n\n{head}", *rows, month])


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(made(file.read_text(encoding="utf-8")), encoding="utf-8")
