"""Tables in the metadata of checks, as Markdown: Dagster's own tables are drawn as wide as they are."""

import re
from collections.abc import Iterable, Sequence

from dagster import MarkdownMetadataValue


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> MarkdownMetadataValue:
    """Rows of text under their headings; what a file brought itself stays text, on the line of its row."""
    lines = [head, ["---"] * len(head), *(list(map(_cell, row)) for row in rows)]
    return MarkdownMetadataValue("\n".join(f"| {' | '.join(line)} |" for line in lines))


def _cell(text: str) -> str:
    """Asterisks may stay: they are how a row stands out."""
    return re.sub(r"([\\|`<>])", r"\\\1", " ".join(text.split()))
