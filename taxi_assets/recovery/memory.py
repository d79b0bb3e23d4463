"""What the sensor ``heal`` remembers between two looks: its cursor."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from taxi_assets.alerts.outbox import Outbox
from taxi_assets.recovery.difference import Comparison, Difference

MOST_ATTEMPTS = 2
"""What two runs did not mend, a third one won't: a wrong right, a full disk, a file that can't be cleaned."""


@dataclass
class Attempt:
    """What was done about one difference.

    Attributes:
        days: On which it was asked to be mended.
        seen: Number of the last comparison for which it was asked, or passed over because a run was at it.
        told: Whether it was said that it is left to people.
    """

    days: list[str] = field(default_factory=list)
    seen: int = 0
    told: bool = False


@dataclass
class HealMemory:
    """All attempts at differences that still stand.

    Attributes:
        comparison: Number of the comparison that was last looked at.
        settled: Whether nothing is left to ask for on its account.
        mending: Whether runs were asked for, after which the stores are to be compared again.
        attempts: By ``service/stage``, then by month.
        outbox: Messages that have not reached everybody.
    """

    comparison: int = 0
    settled: bool = True
    mending: bool = False
    attempts: dict[str, dict[str, Attempt]] = field(default_factory=dict)
    outbox: Outbox = field(default_factory=Outbox)

    @staticmethod
    def read(cursor: str | None) -> "HealMemory":
        """Out of a cursor; empty where there is none, or one that this version did not write.

        One that holds bare sentences still to send is such a one: what they say is found, and said, anew.
        """
        try:
            data = json.loads(cursor or "{}")
            attempts = {
                table: {month: Attempt(list(one[0]), one[1], one[2]) for month, one in months.items()}
                for table, months in data["attempts"].items()
            }
            outbox = Outbox.model_validate(data.get("outbox", data.get("unsent", {})))
            return HealMemory(data["comparison"], data["settled"], data["mending"], attempts, outbox)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            return HealMemory()

    def write(self) -> str:
        """As a cursor."""
        attempts = {
            table: {month: [one.days, one.seen, one.told] for month, one in months.items()}
            for table, months in self.attempts.items()
        }
        data = {
            "comparison": self.comparison,
            "settled": self.settled,
            "mending": self.mending,
            "attempts": attempts,
            "outbox": self.outbox.model_dump(exclude_defaults=True),
        }
        return json.dumps(data, separators=(",", ":"))

    def turn_to(self, number: int, comparison: Comparison) -> None:
        """Take up a new comparison: forget the differences that it looked for and did not find."""
        self.comparison, self.settled, self.mending = number, False, False
        standing = {(_table(one), one.month) for one in comparison.differences}
        for table, months in self.attempts.items():
            service = table.partition("/")[0]
            unknown = comparison.busy.get(service, frozenset())
            if table not in comparison.unanswered:
                self.attempts[table] = {
                    month: one
                    for month, one in months.items()
                    if (table, month) in standing or month in unknown
                }
        self.attempts = {table: months for table, months in self.attempts.items() if months}

    def of(self, difference: Difference) -> Attempt:
        """The attempts at a difference, to be read and changed."""
        return self.attempts.setdefault(_table(difference), {}).setdefault(difference.month, Attempt())

    def leave_for_tonight(self, comparison: Comparison) -> None:
        """Pass over what was tried already: what did not help a minute ago may help tomorrow."""
        for one in comparison.differences:
            attempt = self.attempts.get(_table(one), {}).get(one.month)
            if attempt and attempt.days:
                attempt.seen = self.comparison

    def given_up(self, comparison: Comparison) -> Iterator[tuple[Difference, Attempt]]:
        """Differences that were to be mended often enough, for other comparisons than this one."""
        for one in comparison.differences:
            attempt = self.attempts.get(_table(one), {}).get(one.month)
            if attempt and len(attempt.days) >= MOST_ATTEMPTS and attempt.seen != self.comparison:
                yield one, attempt

    def handled(self, difference: Difference) -> bool:
        """Whether the present comparison has done with it."""
        attempt = self.attempts.get(_table(difference), {}).get(difference.month)
        return attempt is not None and attempt.seen == self.comparison


def _table(difference: Difference) -> str:
    return f"{difference.service}/{difference.stage}"
