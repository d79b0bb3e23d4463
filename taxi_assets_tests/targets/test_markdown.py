"""Tables of what files and people wrote: nothing in a cell can be more than text."""

from taxi_assets.targets import markdown


def test_a_cell_can_neither_break_the_table_nor_hold_a_link_or_an_element() -> None:
    text = markdown.table(("name", "rows"), [("a|b\n`c` [x](y) <img>", "1")], numbers=("rows",))
    assert text.splitlines() == [
        "| name | rows |",
        "| --- | ---: |",
        r"| a\|b \`c\` \[x](y) \<img> | 1 |",
    ]


def test_a_text_that_is_plain_says_what_was_written() -> None:
    assert markdown.plain("a_b\n*c*") == r"a\_b \*c\*"
