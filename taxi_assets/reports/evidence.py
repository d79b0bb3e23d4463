"""What a report shows of a month, as data; its ``repr`` is the same as long as nothing changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from taxi_assets.targets.target import Facts
from taxi_assets.tlc.profile import Profile
from taxi_assets.tlc.services import Service


@dataclass(frozen=True)
class Numbers:
    """A month of a service in a few numbers; None where nothing is published, or was counted."""

    month: date
    trips: int
    rejected: int
    revenue: float | None = None
    tips: float | None = None
    miles: float | None = None
    hours: float | None = None


@dataclass(frozen=True)
class Copy:
    """A month in a target, by the record of its newest load; ``rows`` is None where there is none.

    When that was is no part of what is told apart: a load that found all current changes no report.
    """

    target: str
    rows: int | None = None
    version: str | None = None
    at: float | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Verdict:
    """What a check found of a month as it stands now.

    Attributes:
        stage: First part of the asset's key.
        check: Its name.
        passed: Whether all was well.
        serious: Whether it is an error, and not a warning.
        words: As the check said it.
        at: When, in seconds since 1970.
    """

    stage: str
    check: str
    passed: bool
    serious: bool
    words: str
    at: float = field(repr=False)


@dataclass(frozen=True)
class Evidence:
    """All that is known of a month of a service; its ``repr`` is the same as long as nothing changed.

    Attributes:
        service: Whose month.
        month: Its first day.
        file: Of the published file: name, URL, ETag, last change, sha256; empty if none was fetched.
        raw_rows: Rows of the file, None where it was not cleaned.
        valid: Rows that were kept.
        rejected: Rows that went to quarantine.
        version: Of the cleaned rows.
        rule_set: By which they were cleaned.
        reasons: Rejected rows by the rule that they break.
        profile: What was counted of them; None for a month that was cleaned before there were profiles.
        history: This month and those of the two years before it that are known, oldest first.
        copies: One for each target that is switched on.
        verdicts: Of all checks that have judged the month as it stands.
        held_back: Why the targets don't get it, or ''.
    """

    service: Service
    month: date
    file: Facts = field(default_factory=dict)
    raw_rows: int | None = None
    valid: int | None = None
    rejected: int | None = None
    version: str | None = None
    rule_set: str = "default"
    reasons: Mapping[str, int] = field(default_factory=dict)
    profile: Profile | None = None
    history: tuple[Numbers, ...] = ()
    copies: tuple[Copy, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    held_back: str = ""

    def numbers(self, month: date | None = None) -> Numbers | None:
        """Of this month, or of another one in the history."""
        wanted = month or self.month
        return next((one for one in self.history if one.month == wanted), None)
