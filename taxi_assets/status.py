"""What stands in every store now, month by month, found by asking the stores."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from taxi_assets.recovery.standing import UNCOUNTED, standing
from taxi_assets.resources import build_resources
from taxi_assets.setting_values import TARGET_NAMES
from taxi_assets.settings import Settings
from taxi_assets.targets.target import Held
from taxi_assets.tlc.services import SERVICES, month_key


@dataclass(frozen=True)
class MonthStatus:
    """Rows of one service and month wherever they stand; None where there is no such month.

    ``raw`` is ``UNCOUNTED`` for a CSV copy, which tells its rows only when it is read.
    """

    service: str
    month: date
    raw: int | None
    cleaned: int | None
    quarantined: int | None
    stored: Mapping[str, int | None]

    @property
    def whole(self) -> bool:
        """Whether raw = cleaned + quarantined, and every target holds the cleaned rows."""
        if self.cleaned is None or self.quarantined is None:
            return False
        conserved = self.raw in (UNCOUNTED, self.cleaned + self.quarantined)
        return conserved and all(rows == self.cleaned for rows in self.stored.values())


def find_months(settings: Settings) -> list[MonthStatus]:
    """Ask every store for every month of every service."""
    stores = build_resources(settings, conceal=False)
    found = []
    for service in SERVICES.values():
        raw, cleaned, quarantined = (
            standing(stores, service, stage) for stage in ("raw", "cleaned", "quarantined")
        )
        stored = {name: standing(stores, service, name) for name in settings.targets}
        months = {month for held in (raw, cleaned, *stored.values()) for month in held}
        found += [
            MonthStatus(
                service.name,
                month,
                _rows(raw, month),
                _rows(cleaned, month),
                _rows(quarantined, month),
                {name: _rows(held, month) for name, held in stored.items()},
            )
            for month in sorted(months)
        ]
    return found


def print_status(months: list[MonthStatus], console: Console) -> None:
    """Print a table of months; the last column says whether everything adds up."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for heading in ("service", "month"):
        table.add_column(heading, no_wrap=True)
    targets = months[0].stored if months else TARGET_NAMES
    for heading in ("raw", "cleaned", "quarantined", *targets):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("adds up", no_wrap=True)
    for one in months:
        counts = (one.raw, one.cleaned, one.quarantined, *one.stored.values())
        cells = [_cell(count) for count in counts]
        table.add_row(one.service, month_key(one.month), *cells, "yes" if one.whole else "[red]NO")
    console.print(table)


def _cell(count: int | None) -> str:
    if count is None:
        return "-"
    return "csv" if count == UNCOUNTED else f"{count:,}"


def _rows(held: Mapping[date, Held], month: date) -> int | None:
    return held[month].rows if month in held else None
