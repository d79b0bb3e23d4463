"""Entries that nobody could write when they were due: a process had died, or the trail could not be reached.

Every store keeps the number of its last replace among a month's facts, so what stands tells which entries are
missing. The nightly comparison asks every store anyway.
"""

from collections.abc import Mapping

from dagster import DagsterInstance

from taxi_assets.targets.journal import Journal, complete
from taxi_assets.targets.target import Held
from taxi_assets.tlc.services import ServiceName, parse_month


def catch_up(
    journal: Journal,
    instance: DagsterInstance,
    answers: Mapping[ServiceName, Mapping[str, Mapping[str, Held]]],
) -> int:
    """Write the entries that are missing of what stands.

    Args:
        journal: The trail.
        instance: Knows who launched the runs.
        answers: What stands, by service, stage and month.

    Returns:
        How many there were.

    Raises:
        JournalAway: The trail can't be written now.
    """
    standing = {
        held.facts["load_id"]: (service, stage, month, held)
        for service, stages in answers.items()
        for stage, months in stages.items()
        for month, held in months.items()
        if "load_id" in held.facts
    }
    with journal.opened() as pages:
        missing = pages.unknown(standing)  # some 4,000 numbers in one question
        return sum(
            complete(
                pages,
                instance,
                (stage, f"{service}_trips"),
                parse_month(month),
                held.rows if held.rows >= 0 else None,
                held.facts,
            )
            for load_id, (service, stage, month, held) in standing.items()
            if load_id in missing
        )
