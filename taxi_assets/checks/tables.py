"""Tables in the metadata of checks, as Markdown: Dagster's own tables are drawn as wide as they are."""

from collections.abc import Iterable, Sequence

from dagster import MarkdownMetadataValue


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> MarkdownMetadataValue:
    """Rows of text under their headings."""
    lines = [head, ["---"] * len(head), *([_cell(text) for text in row] for row in rows)]
    return MarkdownMetadataValue("\n".join(f"| {' | '.join(line)} |" for line in lines))


def _cell(text: str) -> str:
    """A text in one line, in which no sign ends the cell."""
    return " ".join(text.split("\n")).replace("|", "\\|")
