"""What a month looks like, in a few hundred numbers: counted while its rows go by, and kept beside them.

Plots, checks and summaries ask for nothing else, so none of them reads the rows again: trips by day, by
pickup zone and by code, nulls by column, sums of dollars, miles and time. A month of 20 million rows
costs some 0.7 s more for it, and 5 KB.
"""

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from taxi_assets.tlc.measures import MEASURES
from taxi_assets.tlc.schema import columns, money_columns
from taxi_assets.tlc.services import ServiceName, days_of

ZONES = 265

OTHER = "other"
"""Stands for the codes that are not counted one by one: numbers above 254 or below 0, the 51st text."""

SECONDS = "seconds"
"""Name of the sum of all trips' durations."""

Counts: TypeAlias = np.ndarray[tuple[int], np.dtype[np.int64]]

_EPOCH = date(1970, 1, 1)
_FIRST_DAY = (date.min - _EPOCH).days
_LAST_DAY = (date.max - _EPOCH).days  # a damaged timestamp may lie as far as the year 294246
_LARGEST_CODE = 254
_TEXT_CODES = 50
_LONGEST_TEXT = 40
"""Characters that are kept of a code. A column that came to hold something else, as remarks or whole records,
is still told; 50 of its values would make the profile, and every check's words, as large as they are."""


@dataclass
class Profile:
    """Counts of one month of one service.

    Attributes:
        rows: Valid rows.
        rejected: Rows that went to quarantine.
        days: Published rows by day of the pickup, days outside the month included.
        rejected_days: Those of them that were rejected.
        zones: Valid rows by pickup zone, 1 to 265.
        codes: Valid rows by value of each column of codes, those without a value left out.
        nulls: Valid rows without a value, by column.
        sums: Over the valid rows: every column of dollars, the distance, and ``seconds``. What is no finite
            number is left out.
    """

    rows: int = 0
    rejected: int = 0
    days: Counter[date] = field(default_factory=Counter)
    rejected_days: Counter[date] = field(default_factory=Counter)
    zones: Counter[int] = field(default_factory=Counter)
    codes: dict[str, Counter[str]] = field(default_factory=dict)
    nulls: Counter[str] = field(default_factory=Counter)
    sums: dict[str, float] = field(default_factory=dict)

    def trips_on(self, day: date) -> int:
        """Valid rows whose pickup was on a day."""
        return self.days[day] - self.rejected_days[day]

    def stray_days(self, month: date) -> list[date]:
        """Days outside the month on which a published row has its pickup."""
        return [day for day in self.days if day.replace(day=1) != month]

    def strays(self, month: date) -> int:
        """Published rows whose pickup lies outside the month."""
        return sum(self.days[day] for day in self.stray_days(month))

    def revenue(self, service: ServiceName) -> float | None:
        """Dollars that passengers were charged; None for a service that publishes no money."""
        names = MEASURES[service].revenue
        return sum(self.sums.get(name, 0.0) for name in names) if names else None

    def tips(self, service: ServiceName) -> float | None:
        """Dollars of the revenue that are tips."""
        name = MEASURES[service].tips
        return self.sums.get(name, 0.0) if name else None

    def miles(self, service: ServiceName) -> float | None:
        """Miles of all trips together."""
        name = MEASURES[service].distance
        return self.sums.get(name, 0.0) if name else None

    @property
    def hours(self) -> float:
        """Hours of all trips together."""
        return self.sums.get(SECONDS, 0.0) / 3600

    def to_json(self) -> str:
        """As a store keeps it."""
        return json.dumps(
            {
                "rows": self.rows,
                "rejected": self.rejected,
                "days": {
                    day.isoformat(): [count, self.rejected_days[day]]
                    for day, count in sorted(self.days.items())
                },
                "zones": dict(sorted(self.zones.items())),
                "codes": self.codes,
                "nulls": self.nulls,
                "sums": {name: round(value, 6) for name, value in self.sums.items()},
            },
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str) -> "Profile":
        """What ``to_json`` made."""
        known = json.loads(text)
        days = {date.fromisoformat(day): counts for day, counts in known["days"].items()}
        return cls(
            rows=known["rows"],
            rejected=known["rejected"],
            days=Counter({day: all_rows for day, (all_rows, _) in days.items()}),
            rejected_days=Counter({day: rejected for day, (_, rejected) in days.items() if rejected}),
            zones=Counter({int(zone): count for zone, count in known["zones"].items()}),
            codes={name: Counter(values) for name, values in known["codes"].items()},
            nulls=Counter(known["nulls"]),
            sums=known["sums"],
        )


class Profiler:
    """Counts a month's batches into a ``Profile``."""

    def __init__(self, service: ServiceName, month: date) -> None:
        self.profile = Profile()
        self._first = (month - _EPOCH).days
        self._length = len(days_of(month))
        self._day_counts = np.zeros(self._length, np.int64)
        self._rejected_counts = np.zeros(self._length, np.int64)
        self._zone_counts = np.zeros(ZONES + 2, np.int64)
        self._columns = columns(service)
        self._codes = [column for column in self._columns if column.unit in ("code", "TLC licence")]
        self._code_counts = {
            column.name: np.zeros(_LARGEST_CODE + 2, np.int64)
            for column in self._codes
            if column.kind == "int"
        }
        distance = MEASURES[service].distance
        self._summed = [*money_columns(service), *([distance] if distance else [])]
        self._sums = dict.fromkeys([*self._summed, SECONDS], 0.0)

    def add(self, valid: pa.RecordBatch) -> None:
        """Count valid rows."""
        profile = self.profile
        profile.rows += valid.num_rows
        self._count_days(valid.column("pickup_at"), self._day_counts, profile.days)
        self._zone_counts += _tally(valid.column("pu_location_id"), ZONES + 1)
        for column in self._codes:
            values = valid.column(column.name)
            if column.kind == "int":
                self._code_counts[column.name] += _tally(values, _LARGEST_CODE + 1)
            else:
                self._count_texts(column.name, values)
        for name, values in zip(valid.schema.names, valid.columns, strict=True):
            profile.nulls[name] += values.null_count
        for name in self._summed:
            self._sums[name] += _sum(valid.column(name))
        spans = pc.subtract(valid.column("dropoff_at"), valid.column("pickup_at"))
        self._sums[SECONDS] += (pc.sum(spans.cast(pa.int64())).as_py() or 0) / 1e6

    def add_rejected(self, rejected: pa.RecordBatch) -> None:
        """Count rejected rows: how many, and of which days."""
        profile = self.profile
        profile.rejected += rejected.num_rows
        pickups = rejected.column("pickup_at")
        self._count_days(pickups, self._day_counts, profile.days)
        self._count_days(pickups, self._rejected_counts, profile.rejected_days)

    def finish(self) -> Profile:
        """The profile of everything that was added; more may be added later."""
        profile = self.profile
        for counts, days in (
            (self._day_counts, profile.days),
            (self._rejected_counts, profile.rejected_days),
        ):
            for number in np.flatnonzero(counts):
                days[self._day(int(number))] = int(counts[number])
        profile.zones = Counter(
            {z: int(self._zone_counts[z]) for z in range(1, ZONES + 1) if self._zone_counts[z]}
        )
        for name, counts in self._code_counts.items():
            profile.codes[name] = Counter(
                {
                    str(code) if code <= _LARGEST_CODE else OTHER: int(counts[code])
                    for code in np.flatnonzero(counts)
                }
            )
        profile.nulls = Counter({name: count for name, count in profile.nulls.items() if count})
        profile.sums = dict(self._sums)
        return profile

    def _day(self, number: int) -> date:
        return _EPOCH + timedelta(days=min(max(self._first + number, _FIRST_DAY), _LAST_DAY))

    def _count_days(self, pickups: pa.Array, counts: Counts, strays: Counter[date]) -> None:
        """Days of the month into ``counts``, the few others into ``strays``."""
        days = pickups.drop_null().cast(pa.date32()).cast(pa.int32()).to_numpy() - self._first
        found = np.bincount(np.clip(days, -1, self._length) + 1, minlength=self._length + 2)
        counts += found[1:-1]
        if found[0] or found[-1]:
            outside = days[(days < 0) | (days >= self._length)]
            for number, count in zip(*np.unique(outside, return_counts=True), strict=True):
                strays[self._day(int(number))] += int(count)

    def _count_texts(self, name: str, values: pa.Array) -> None:
        known = self.profile.codes.setdefault(name, Counter())
        for pair in pc.value_counts(values.drop_null()).to_pylist():
            value = pair["values"][:_LONGEST_TEXT]
            known[value if value in known or len(known) < _TEXT_CODES else OTHER] += pair["counts"]


def _tally(values: pa.Array, other: int) -> Counts:
    """How often each of 0 to ``other`` occurs; what lies outside counts as ``other``, a null as nothing."""
    numbers = values.drop_null().to_numpy()
    # Seen as unsigned, a number below 0 is a large one.
    return np.bincount(np.minimum(numbers.view(np.uint32), other).astype(np.intp), minlength=other + 1)


def _sum(values: pa.Array) -> float:
    total = pc.sum(values).as_py() or 0.0
    if math.isfinite(total):
        return float(total)
    return float(pc.sum(values.filter(pc.is_finite(values))).as_py() or 0.0)
