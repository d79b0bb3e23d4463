"""One finding: what is wrong, how urgent that is, and what to do about it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from taxi_assets.assets.common import trips_key
from taxi_assets.tlc.services import Service


class Urgency(IntEnum):
    """How soon somebody should look."""

    URGENT = 0
    LOOK = 1
    NOTE = 2


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        urgency: How soon somebody should look.
        asset: Key of the asset that it is about.
        months: Partition keys; empty where it is about no month.
        says: What is wrong.
        do: What to do about it, a sentence.
        why: What somebody else's error said, or ''; shown in between, and never trusted.
    """

    urgency: Urgency
    asset: str
    months: frozenset[str]
    says: str
    do: str
    why: str = ""


def count(found: Iterable[Finding]) -> Mapping[Urgency, int]:
    """Findings by urgency."""
    urgencies = [one.urgency for one in found]
    return {urgency: urgencies.count(urgency) for urgency in Urgency}


def asset_of(stage: str, service: Service) -> str:
    """``cleaned/green_trips``."""
    return trips_key(stage, service).to_user_string()
