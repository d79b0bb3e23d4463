"""Months that nobody published: made on the spot, the same for the same settings.

For the first look at the project and for tests, with no network and no account.
"""

import csv
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import TypeAlias

from taxi_assets.tlc.services import Service
from taxi_assets.tlc.source.facts import SYNTHETIC, is_unchanged, make_facts, sealed, sighting
from taxi_assets.tlc.source.landing import land, part_of, sha256_of
from taxi_assets.tlc.source.source import ZONES_NAME, Facts, Published, Sighting, not_published
from taxi_assets.tlc.source.verify import ZONES_COUNT, ZONES_HEADER

WriteMonth: TypeAlias = Callable[[Path, Service, date, int, int], None]
"""Writes the Parquet file of a month: path, service, month, rows, seed."""

VERSION = 1
"""Raised when the same rows and seed make another file, so that stored months count as changed."""

DEFAULT_ROWS = 60_000
DEFAULT_SEED = 1
_BOROUGHS = ("Manhattan", "Queens", "Brooklyn", "Bronx", "Staten Island")
# The zones whose numbers mean something to the rules and the fares, as the TLC's lookup has them.
_REAL_ZONES = {
    1: ("EWR", "Newark Airport", "EWR"),
    132: ("Queens", "JFK Airport", "Airports"),
    138: ("Queens", "LaGuardia Airport", "Airports"),
    264: ("Unknown", "N/A", "N/A"),
    265: ("N/A", "Outside of NYC", "N/A"),
}


class SyntheticSource:
    """Months of a number of rows, out of a seed."""

    def __init__(
        self, rows: int = DEFAULT_ROWS, seed: int = DEFAULT_SEED, write: WriteMonth | None = None
    ) -> None:
        self._rows = rows
        self._seed = seed
        self._write = write or _write_month

    def __repr__(self) -> str:
        return f"SyntheticSource(rows={self._rows}, seed={self._seed})"

    def fetch(
        self, service: Service, month: date, into: Path, known: Facts | None = None
    ) -> Published | None:
        """See ``Source.fetch``."""
        facts = self._facts(service.file_name(month))
        if month < service.first_month:
            reason = f"the first {service.name} month is {service.first_month:%Y-%m}"
            raise not_published(facts["url"], reason, service, month)
        if is_unchanged(known, facts):
            return None
        part = part_of(into, facts["file_name"])
        self._write(part, service, month, self._rows, self._seed)
        return _landed(part, facts)

    def look(self, service: Service, month: date, known: Facts | None = None) -> Sighting:
        """See ``Source.look``."""
        if month < service.first_month:
            return Sighting("unpublished")
        return sighting(known, self._facts(service.file_name(month)))

    def fetch_zones(self, into: Path) -> Published:
        """See ``Source.fetch_zones``: made up, but for the numbers that mean something."""
        part = part_of(into, ZONES_NAME)
        with part.open("w", encoding="utf-8", newline="") as file:
            # As the TLC writes it: names in quotes, numbers bare, lines that end in CR LF.
            writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
            writer.writerow(ZONES_HEADER)
            writer.writerows(_zones())
        return _landed(part, self._facts(ZONES_NAME))

    def _facts(self, name: str) -> dict[str, str]:
        return make_facts(
            url=f"{SYNTHETIC}?rows={self._rows}&seed={self._seed}",
            etag=f"synthetic-{VERSION}-{self._rows}-{self._seed}",
            file_name=name,
        )


def _landed(part: Path, facts: dict[str, str]) -> Published:
    sha256 = sha256_of(part)
    path = land(part, f"{facts['url']} {facts['file_name']}")
    return Published(path, sealed(facts, path, sha256))


def _zones() -> Iterator[tuple[int, str, str, str]]:
    for number in range(1, ZONES_COUNT + 1):
        borough = _BOROUGHS[number % len(_BOROUGHS)]
        made_up = (borough, f"Zone {number}", "Yellow Zone" if borough == "Manhattan" else "Boro Zone")
        yield number, *_REAL_ZONES.get(number, made_up)


def _write_month(path: Path, service: Service, month: date, rows: int, seed: int) -> None:
    from taxi_assets.tlc.synthetic import write_month  # numpy and all: only where it is asked for

    write_month(path, service, month, rows, seed)
