"""The page for the day on which a month fails quotes what the code says, and not what it once said."""

import re
from pathlib import Path

import pytest

import taxi_assets

PACKAGE = Path(taxi_assets.__file__).parent
PAGE = PACKAGE.parent / "docs" / "when-a-month-fails.md"


def quotes() -> list[str]:
    """What the table's first column has in italics."""
    rows = [line.split("|")[1] for line in PAGE.read_text(encoding="utf-8").splitlines() if "|" in line]
    return [quote for row in rows for quote in re.findall(r"\*([^*]+)\*", row)]


def source() -> str:
    """The package's code, with literals that go on in the next line put together."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py")))
    return re.sub(r'"\n\s*f?"', "", code)


@pytest.mark.skipif(not PAGE.exists(), reason="the page is in the repository, not in the package")
def test_every_message_that_the_page_quotes_is_one_of_the_code_s() -> None:
    code = source()
    assert len(quotes()) > 8
    for quote in quotes():
        # "…" stands for what the message fills in.
        words = [re.escape(part) for part in re.split(r"\s*…\s*", quote) if part]
        assert re.search(r".{0,80}?".join(words), code), quote
