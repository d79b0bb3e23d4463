"""The page of columns keeps up with the table."""

from pathlib import Path

import pytest

from taxi_assets.tlc.schema import COLUMNS
from taxi_assets.tlc.schema_page import COMMAND, main, page

_PAGE = Path(__file__).parents[2] / "docs" / "schema.md"


def test_the_page_of_columns_is_up_to_date_with_the_table() -> None:
    assert _PAGE.read_text(encoding="utf-8") == page(), f"docs/schema.md is stale; run: {COMMAND}"


def test_the_page_names_every_column_and_every_published_name() -> None:
    text = page()
    for column in COLUMNS:
        assert f"| `{column.name}` |" in text
        for eras in column.history.values():
            assert all(f"`{era.name}`" in text for era in eras if era.name)


def test_the_page_tells_when_a_column_ended_and_when_its_type_changed() -> None:
    rows = [line for line in page().splitlines() if line.startswith("| `vendor_name` |")]
    assert rows[0].endswith("| 2009-01 to 2010-12 |")
    assert "`VendorID` int64; 2023-02: int32 | since 2011-01 |" in page()


def test_a_bar_in_a_cell_can_not_break_the_table() -> None:
    rows = [line for line in page().splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {7}


def test_the_command_writes_the_page_where_it_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(tmp_path / "schema.md")])
    assert (tmp_path / "schema.md").read_text(encoding="utf-8") == page()
    main([])
    assert capsys.readouterr().out == page()
