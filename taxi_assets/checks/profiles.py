"""Profiles of cleaned months, looked up once for all months of a run, as neighbours share their history."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from taxi_assets.assets.common import trips_key
from taxi_assets.assets.content import PROFILE
from taxi_assets.targets.target import Target
from taxi_assets.tlc.csv_copy import is_csv
from taxi_assets.tlc.profile import Profile
from taxi_assets.tlc.services import Service


@dataclass
class Profiles:
    """What the lake remembers of a service's cleaned months: facts, never rows."""

    service: Service
    lake: Target
    _known: dict[date, tuple[Profile, Mapping[str, str]] | None] = field(default_factory=dict)

    def of(self, month: date) -> Profile | None:
        """A month's profile; None if the month is not held, or was cleaned before there were any."""
        found = self._found(month)
        return found[0] if found else None

    def is_csv(self, month: date) -> bool:
        """Whether a month came as a CSV copy, which fills other columns than the Parquet file does."""
        found = self._found(month)
        return found is not None and is_csv(found[1].get("file", ""))

    def _found(self, month: date) -> tuple[Profile, Mapping[str, str]] | None:
        if month not in self._known:
            held = self.lake.held(self.lake.table_name(trips_key("cleaned", self.service).path), month)
            text = held.facts.get(PROFILE) if held else None
            self._known[month] = (Profile.from_json(text), held.facts) if held and text else None
        return self._known[month]
