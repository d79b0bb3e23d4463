"""What the sensor remembers from one look to the next: its cursor, a small JSON that Dagster keeps.

Problems that began with the same run share an entry with a list of months: all months of all assets
of a service (1,272 problems) take some 15 kB so.
"""

from collections import defaultdict
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from taxi_assets.alerts.outbox import Outbox
from taxi_assets.alerts.problems import Board, Kind, Problem, Standing

_END_OF_TIME = 4e9  # the year 2096: what a clock can't say, no date can be made of


class _Months(BaseModel):
    kind: Kind
    name: str
    months: list[str]
    run_id: str
    at: float
    skipped: bool = False


class Memory(BaseModel):
    """All that lasts.

    Attributes:
        version: Of this form; a cursor of another one is not understood.
        begun: Whether there was a first look: the runs that it found had ended before, and are history.
        newest_end: When the newest run that was told ended.
        seen: Runs told within the overlap before ``newest_end``, with their ends.
        waiting: Failed runs that will be retried, with their ends.
        outbox: Messages still to send.
    """

    version: Literal[1] = 1
    begun: bool = False
    newest_end: float = Field(ge=0, le=_END_OF_TIME, allow_inf_nan=False)
    seen: dict[str, float] = Field(default_factory=dict)
    waiting: dict[str, float] = Field(default_factory=dict)
    problems: list[_Months] = Field(default_factory=list)
    outbox: Outbox = Field(default_factory=Outbox)

    @staticmethod
    def starting(now: float) -> "Memory":
        """Of nothing: what happens from now on will be told."""
        return Memory(newest_end=now)

    @staticmethod
    def parsed(cursor: str | None, now: float) -> "tuple[Memory, bool]":
        """The memory in a cursor, and whether it could be read; nothing remembered where it could not."""
        if not cursor:
            return Memory.starting(now), True
        try:
            return Memory.model_validate_json(cursor), True
        except ValidationError:
            return Memory.starting(now), False

    def board(self) -> Board:
        """The problems that stand."""
        return {
            Problem(entry.kind, entry.name, month): Standing(entry.run_id, entry.at, entry.skipped)
            for entry in self.problems
            for month in entry.months
        }

    def keep(self, board: Board) -> None:
        """Remember the problems that stand."""
        months: dict[tuple[Kind, str, Standing], list[str]] = defaultdict(list)
        for problem in sorted(board):
            months[problem.kind, problem.name, board[problem]].append(problem.month)
        self.problems = [
            _Months(
                kind=kind,
                name=name,
                months=found,
                run_id=standing.run_id,
                at=standing.at,
                skipped=standing.skipped,
            )
            for (kind, name, standing), found in months.items()
        ]
