"""Makes ``docs/schema.md`` out of the table in ``schema.py``.

    python -m taxi_assets.tlc.schema_page docs/schema.md

A test compares the page with the table, so that the page can't fall behind it.
"""

import inspect
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

from taxi_assets.tlc import schema
from taxi_assets.tlc.codes import CODES
from taxi_assets.tlc.column import ARROW_TYPES, Column, Published
from taxi_assets.tlc.services import SERVICES, Service, month_key

COMMAND = "python -m taxi_assets.tlc.schema_page docs/schema.md"

_HEADINGS = ("Column", "Type", "Unit", "Meaning", "Published as", "Months")


def page() -> str:
    """The whole page as Markdown."""
    return "\n".join(_lines()) + "\n"


def main(arguments: Sequence[str]) -> None:
    """Write the page to the file named first, or to standard output."""
    if arguments:
        Path(arguments[0]).write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())


def _lines() -> Iterator[str]:
    yield f"<!-- Made from taxi_assets/tlc/schema.py by `{COMMAND}`. Edit the table there, not this page. -->"
    yield from ("", "# Columns of the trip records", "")
    yield "Every column that a cleaned row has, and how the TLC published it over the years. Types are"
    yield "Arrow's; every column may be null. Where the type differs between single months of an era, all"
    yield "types are named."
    for service in SERVICES.values():
        yield from ("", f"## {service.title} (`{service.name}`)", "")
        count = len(schema.columns(service.name))
        yield f"Parquet files since {month_key(service.first_month)}, {count} columns."
        yield ""
        yield from _table(service)
    yield from ("", "## Names", "", _naming())
    yield from ("", "## Ignored columns", "")
    yield from (f"- `{name}`: {reason}." for name, reason in schema.IGNORED_COLUMNS.items())
    yield from (
        "",
        "## Codes",
        "",
        "Values with a meaning; text is compared without regard to case and blanks.",
        "",
    )
    for name, values in CODES.items():
        yield f"- `{name}`: {', '.join(f'`{value}` {meaning}' for value, meaning in values.items())}."
    yield from ("", "## CSV copies", "")
    yield "The csv.gz copies of 2019 to 2021 have the columns of the Parquet files of their months, but for:"
    yield ""
    for name, lacking in schema.CSV_LACKS.items():
        if lacking:
            yield f"- {name}: {_code(sorted(lacking))}."


def _table(service: Service) -> Iterator[str]:
    yield _row(_HEADINGS)
    yield _row("---" for _ in _HEADINGS)
    for column in schema.columns(service.name):
        eras = column.history[service.name]
        cells = (
            f"`{column.name}`",
            _type(column),
            column.unit,
            column.meaning,
            _published(eras),
            _months(eras),
        )
        yield _row(cells)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _type(column: Column) -> str:
    return str(ARROW_TYPES[column.kind])


def _published(eras: Sequence[Published]) -> str:
    """``VendorID`` int64; 2023-02: int32. A name is given when it changes, a month from the second era on."""
    parts: list[str] = []
    name = None
    for era in eras:
        if era.name is None:
            continue
        since = f"{month_key(era.since)}: " if parts else ""
        named = f"`{era.name}` " if era.name != name else ""
        parts.append(f"{since}{named}{' or '.join(era.types)}")
        name = era.name
    return "; ".join(parts)


def _months(eras: Sequence[Published]) -> str:
    """First and last month of every time in which the column was there."""
    spans: list[str] = []
    begun: date | None = None
    for era in eras:
        if era.name and begun is None:
            begun = era.since
        elif era.name is None and begun is not None:
            last = era.since - timedelta(days=1)
            spans.append(f"{month_key(begun)} to {month_key(last)}")
            begun = None
    if begun is not None:
        spans.append(f"since {month_key(begun)}")
    return ", ".join(spans)


def _naming() -> str:
    """The paragraph of the table's own docstring that explains the names, in Markdown."""
    paragraphs = inspect.cleandoc(schema.__doc__ or "").split("\n\n")
    names = next(paragraph for paragraph in paragraphs if paragraph.startswith("Names:"))
    text = names.removeprefix("Names: ").replace("``", "`")
    return text[0].upper() + text[1:]


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    main(sys.argv[1:])
