"""What is wrong now: an asset's month, a check of a month, an asset's freshness, a run.

A board holds the problems that stand. An ended run, or a look at freshness, puts problems on it and takes
them off; only the change is told, so that a month that fails again tomorrow is told once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["asset", "check", "freshness", "run"]


@dataclass(frozen=True, order=True)
class Problem:
    """The identity of something that can be wrong.

    Attributes:
        kind: What it is about.
        name: The asset as ``postgres/green_trips``; a check as ``postgres/green_trips matches_cleaned``; a
            job by its name.
        month: Partition key, or '' for what has no months.
    """

    kind: Kind
    name: str
    month: str = ""


@dataclass(frozen=True)
class Standing:
    """A problem that stands.

    Attributes:
        run_id: The run that had it first, '' for freshness.
        at: When, in seconds since 1970.
        skipped: Nothing went wrong with it itself: what it is made of failed before it.
    """

    run_id: str
    at: float
    skipped: bool = False


Board: TypeAlias = dict[Problem, Standing]


@dataclass(frozen=True)
class Outcome:
    """What a run, or a look, says about what can be wrong.

    Attributes:
        run_id: The run, or ''.
        at: When it ended.
        failed: What went wrong, and why in words.
        skipped: What was not reached, because something else failed.
        good: What is as it should be.
    """

    run_id: str
    at: float
    failed: Mapping[Problem, str] = field(default_factory=dict)
    skipped: frozenset[Problem] = frozenset()
    good: frozenset[Problem] = frozenset()


@dataclass(frozen=True)
class Change:
    """What an outcome changed on the board.

    Attributes:
        begun: What went wrong and was not known to be wrong, with the reason.
        ended: What stood and is over, with when it began.
    """

    begun: Mapping[Problem, str]
    ended: Mapping[Problem, Standing]


def advance(board: Board, outcome: Outcome) -> Change:
    """Bring the board up to date with an outcome, and say what changed.

    What was only skipped so far and now fails itself is news. What failed and is now skipped is still the
    same problem: nobody has mended it.
    """
    ended = {problem: board.pop(problem) for problem in _known(outcome.good, board)}
    begun = {
        problem: why
        for problem, why in outcome.failed.items()
        if problem not in board or board[problem].skipped
    }
    for problem in outcome.skipped - board.keys():
        board[problem] = Standing(outcome.run_id, outcome.at, skipped=True)
    for problem in begun:
        board[problem] = Standing(outcome.run_id, outcome.at)
    return Change(begun, ended)


def _known(problems: Iterable[Problem], board: Board) -> list[Problem]:
    return sorted(problem for problem in problems if problem in board)
