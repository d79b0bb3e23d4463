"""Which run goes first, whoever asks for it: what people wait for goes before a long backfill."""

from collections.abc import Container, Sequence

from taxi_assets.run_tags import AHEAD_OF_BACKFILLS, PRIORITY

NEWEST = 3
"""Months that are looked at in every tick and go before all others: as many are awaited at most times."""

AHEAD_OF_ALL = {PRIORITY: "10"}
"""Tags of a run that somebody waits for."""


def priority_tags(month: str, months: Sequence[str], held: Container[str]) -> dict[str, str]:
    """Tags of the run of a month.

    Args:
        month: Whose run.
        months: Every partition, oldest first.
        held: Months whose raw file is in the lake.
    """
    if month in months[-NEWEST:]:
        return AHEAD_OF_ALL
    return AHEAD_OF_BACKFILLS if month in held else {}
