"""What is said when a run makes problems or ends them: one message for each, however many months it had."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from taxi_assets.alerts.outbox import Unsent
from taxi_assets.alerts.problems import Board, Change, Outcome, Problem
from taxi_assets.words import in_order, listed, moment, short, spans, subject


def failure(outcome: Outcome, change: Change, held: Mapping[Problem, bool], link: str) -> Unsent:
    """What went wrong, why, what was not reached because of it, and what still stands in the stores.

    Args:
        outcome: Of the run.
        change: With at least one problem that began.
        held: Of the months missing in a store: whether an older version still stands there.
        link: To the run.
    """
    lines = [f"{named(problems)}: {short(why)}" for why, problems in _grouped(change.begun)]
    if outcome.skipped:
        lines.append(f"Not reached because of it: {_named_by_months(outcome.skipped)}.")
    for old, sentence in ((True, "Still there as it was before"), (False, "Not stored so far")):
        if found := [problem for problem, is_held in held.items() if is_held == old]:
            lines.append(f"{sentence}: {_named_by_months(found)}.")
    return Unsent(title=_title(change.begun, _failed), body="\n".join([*lines, link]), kind="failure")


def recovery(change: Change, board: Board, link: str) -> Unsent:
    """What is right again, since when it was not, and what of the same services and months still is not."""
    since = {problem: moment(standing.at) for problem, standing in change.ended.items()}
    lines = [f"{named(problems)}: right again, was wrong since {at}" for at, problems in _grouped(since)]
    places = {_place(problem) for problem in change.ended}
    left = [problem for problem in board if _place(problem) in places]
    if left:
        lines.append(f"Still missing or failed: {_named_by_months(left)}.")
    title = _title(change.ended, _recovered if left else lambda _: "all is well again")
    return Unsent(title=title, body="\n".join([*lines, link]), kind="success")


def named(problems: Iterable[Problem]) -> str:
    """``postgres and lake of green 2024-01 to 2024-03``."""
    services: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        services[_place(problem)[0]].append(problem)
    return "; ".join(_named(service, found) for service, found in sorted(services.items()))


def _named(service: str, problems: Sequence[Problem]) -> str:
    stages = listed(in_order({_stage(problem) for problem in problems} - {""}))
    months = spans(problem.month for problem in problems)
    return f"{stages} of {service} {months}".removeprefix(" of ").strip()


def _named_by_months(problems: Iterable[Problem]) -> str:
    """As ``named``, with assets of other months apart."""
    months: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        months[problem.name].append(problem)
    alike = _grouped({problem: spans(one.month for one in months[problem.name]) for problem in problems})
    return "; ".join(named(found) for _, found in alike)


def _grouped(said: Mapping[Problem, str]) -> Sequence[tuple[str, list[Problem]]]:
    """Problems of which the same is said, together."""
    groups: dict[str, list[Problem]] = defaultdict(list)
    for problem, words in sorted(said.items()):
        groups[words].append(problem)
    return list(groups.items())


def _title(problems: Iterable[Problem], what: Callable[[Sequence[Problem]], str]) -> str:
    """``green 2024-01: postgres failed``, for each service that the run had."""
    services: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        services[_place(problem)[0]].append(problem)
    parts = []
    for service, found in sorted(services.items()):
        months = spans(problem.month for problem in found)
        parts.append(f"{service} {months}: {what(found)}" if months else f"{service}: {what(found)}")
    return "; ".join(parts)


def _failed(problems: Sequence[Problem]) -> str:
    stages = in_order({_stage(problem) for problem in problems if problem.kind == "asset"})
    checks = sorted({_stage(problem) for problem in problems if problem.kind == "check"})
    told = [f"{listed([stage for stage in stages if stage])} failed".strip()] if stages else []
    told += [f"check {listed(checks)} failed"] if checks else []
    return " and ".join(told) or "the run failed"


def _recovered(problems: Sequence[Problem]) -> str:
    stages = in_order({_stage(problem) for problem in problems} - {""})
    return f"{listed(stages)} recovered".strip()


def _stage(problem: Problem) -> str:
    """``postgres``, or ``postgres matches_cleaned`` for a check."""
    name, _, check = problem.name.partition(" ")
    return f"{subject(name)[1]} {check}".strip()


def _place(problem: Problem) -> tuple[str, str]:
    """Service and month."""
    return subject(problem.name.partition(" ")[0])[0], problem.month
