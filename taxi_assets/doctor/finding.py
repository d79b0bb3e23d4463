"""What an examination finds: one sentence about one thing, and what to do about it."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Level: TypeAlias = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        setting: Environment variable that decides about it.
        subject: What was looked at: ``rights``, ``free space``.
        level: ``problem`` if runs would fail, ``warning`` if they work, but not as well or not for long.
        found: What is there.
        remedy: What to do; empty if nothing is.
    """

    setting: str
    subject: str
    level: Level
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class About:
    """Makes the findings about one setting."""

    setting: str

    def ok(self, subject: str, found: str) -> Finding:
        """As it should be."""
        return Finding(self.setting, subject, "ok", found)

    def warning(self, subject: str, found: str, remedy: str) -> Finding:
        """Works, but not as well or not for long."""
        return Finding(self.setting, subject, "warning", found, remedy)

    def problem(self, subject: str, found: str, remedy: str) -> Finding:
        """Runs would fail."""
        return Finding(self.setting, subject, "problem", found, remedy)
