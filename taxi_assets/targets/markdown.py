"""Tables in metadata, as Markdown: Dagster's own tables are drawn where they stand, as wide as they are."""

import re
from collections.abc import Collection, Iterable, Sequence

_LINKS_AND_CELLS = re.compile(r"([\\|`<\[])")
_ALL_MARKS = re.compile(r"([\\`*_\[\]<>|~])")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Collection[str] = ()) -> str:
    """Rows of text under their headings.

    What a file or a person wrote may be in a cell: it can neither break the table nor put a link into it.
    Emphasis is left, as it is ours: ``**no**``.

    Args:
        head: The headings.
        rows: A text for each heading.
        numbers: Headings of the columns that are aligned to the right.
    """
    marks = ["---:" if name in numbers else "---" for name in head]
    return "\n".join([_line(head), _line(marks), *(_line(map(_cell, row)) for row in rows)])


def plain(text: str) -> str:
    """Somebody else's text on one line, with nothing for Markdown to do."""
    return _ALL_MARKS.sub(r"\\\1", " ".join(text.split()))


def _cell(text: str) -> str:
    return _LINKS_AND_CELLS.sub(r"\\\1", " ".join(text.split()))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
