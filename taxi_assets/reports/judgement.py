"""What a month's evidence amounts to: does it add up, and what needs somebody's attention?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from taxi_assets.assets.gate import CHECK as GATE
from taxi_assets.checks.conserved import CONSERVES, MATCHES
from taxi_assets.reports.evidence import Copy, Evidence
from taxi_assets.tlc.services import month_key

State = Literal["holds", "held back", "differs", "missing", "not published"]


@dataclass(frozen=True)
class Line:
    """One line of the reconciliation.

    Attributes:
        name: The stage in words.
        rows: As told, None where there is none.
        at: Of when the number is, in seconds since 1970; None for what the lake says now.
        verdict: ``yes``, ``no``, or '' where nothing is to be judged.
        words: What was compared, or what is wrong.
    """

    name: str
    rows: int | None
    at: float | None
    verdict: Literal["yes", "no", ""]
    words: str


def state_of(evidence: Evidence) -> State:
    """A month in one word. That it is missing is no fault yet: it may not be published."""
    if evidence.month < evidence.service.first_month:
        return "not published"
    if evidence.valid is None:
        return "missing"
    if evidence.held_back:
        return "held back"
    return "differs" if any(line.verdict == "no" for line in reconciliation(evidence)) else "holds"


def reconciliation(evidence: Evidence) -> list[Line]:
    """From the published file to every target."""
    if evidence.valid is None:
        return []
    return [
        Line("published", evidence.raw_rows, None, "", ""),
        Line("valid", evidence.valid, None, "", ""),
        _conserved(evidence),
        *(_copied(evidence, copy) for copy in evidence.copies),
    ]


def attention(evidence: Evidence) -> Iterator[str]:
    """What somebody should look at, the most urgent first."""
    if evidence.held_back:
        yield f"held back before the targets: {evidence.held_back}"
    else:
        for line in reconciliation(evidence):
            if line.verdict == "no":
                yield f"{line.name}: {line.words}"
    told = [one for one in evidence.verdicts if not one.passed and one.words != evidence.held_back]
    for verdict in sorted(told, key=lambda one: not one.serious):
        if verdict.check == GATE and evidence.held_back:
            continue  # that is what holds it back
        kind = "failed" if verdict.serious else "warns"
        yield f"{verdict.stage}: the check {verdict.check} {kind}: {verdict.words}"


def absence(evidence: Evidence) -> str:
    """Why there is nothing to show of a month."""
    service = evidence.service
    if evidence.month < service.first_month:
        return f"published since {month_key(service.first_month)}"
    if evidence.file:
        return "fetched, not cleaned yet"
    return f"not here; usually published by {service.expected_by(evidence.month)}"


def _conserved(evidence: Evidence) -> Line:
    if evidence.rejected is None:
        return Line("rejected", None, None, "no", "the rejected rows are not there")
    proof = _proof(evidence, "cleaned", CONSERVES)
    if evidence.raw_rows != (evidence.valid or 0) + evidence.rejected:
        return Line(
            "rejected", evidence.rejected, None, "no", "valid and rejected rows are not the published ones"
        )
    if proof == "failed":
        return Line("rejected", evidence.rejected, None, "no", "rows or dollars were lost or made up")
    words = "published = valid + rejected"
    return Line("rejected", evidence.rejected, None, "yes", f"{words}, {proof}")


def _copied(evidence: Evidence, copy: Copy) -> Line:
    if copy.rows is None:
        words = "held back" if evidence.held_back else "never loaded"
        return Line(copy.target, None, copy.at, "" if evidence.held_back else "no", words)
    if copy.version != evidence.version:
        return Line(copy.target, copy.rows, copy.at, "no", "an earlier version")
    proof = _proof(evidence, copy.target, MATCHES)
    if copy.rows != evidence.valid or proof == "failed":
        return Line(copy.target, copy.rows, copy.at, "no", "other rows or dollars than the valid ones")
    return Line(copy.target, copy.rows, copy.at, "yes", f"= valid, {proof}")


def _proof(evidence: Evidence, stage: str, check: str) -> str:
    found = [one.passed for one in evidence.verdicts if (one.stage, one.check) == (stage, check)]
    if not found:
        return "by count, not proved yet"
    return "proved in rows and dollars" if found[0] else "failed"
