"""Cleaning rules as data: a name, a SQL predicate over canonical columns, and why it stands.

A row for which a predicate is true is rejected; null is not true, so a missing value never rejects a
row unless the predicate asks for it. A rejected row keeps all the reasons that apply. Numbers in a
predicate are DuckDB variables, set from ``Thresholds`` and the month, so that no value is ever pasted
into SQL.

What is deliberately no rule: the six columns that are null together (dispatched trips, 14 % of green in
2020), zero distance (4.88 %, often a flat fare), and a total that is not the sum of its parts (14 %).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, time
from types import MappingProxyType

from taxi_assets.tlc.schema import columns
from taxi_assets.tlc.services import ServiceName, next_month


@dataclass(frozen=True)
class Thresholds:
    """The numbers in the rules; every one can be set in run config.

    Attributes:
        max_duration_hours: Longest believable trip. The TLC lets no driver carry passengers for more
            than 10 hours in any 24; of 591,000 green trips 1,774 exceed 12 hours, three quarters of them
            lie between 23 and 24 hours at a median of 2.5 miles: a dropoff clock one day late.
        max_distance_miles: Longest believable trip. New York to Washington is 230 miles; above 300
            the real months hold only meter faults (423.8 miles in 12 minutes, up to 244,152 miles).
    """

    max_duration_hours: float = 12.0
    max_distance_miles: float = 300.0


@dataclass(frozen=True)
class Rule:
    """One reason for which a row goes to quarantine.

    Attributes:
        name: The reason as it stands in quarantine.
        predicate: SQL, true for a row to reject.
        why: One sentence for people.
        needs: Canonical columns that it reads; the rule holds for the services that have them all.
    """

    name: str
    predicate: str
    why: str
    needs: frozenset[str]


def _rule(name: str, predicate: str, why: str, *needs: str) -> Rule:
    return Rule(name, predicate, why, frozenset(needs))


REFUNDED = _rule(
    "refunded",
    "_row IN (SELECT row FROM refunds)",
    "A charge that its exact negative twin takes back: 98 % of negative fares have one.",
    "fare_amount",
    "total_amount",
)
"""The rows are found beforehand, see ``refunds.py``: a twin may stand anywhere in the file."""

OUTSIDE_MONTH = _rule(
    "pickup_outside_month",
    "pickup_at < getvariable('month_start') OR pickup_at >= getvariable('month_end')",
    "Every file holds a few trips of other months, years even; they stay with their file.",
    "pickup_at",
)

_TOO_FAR = f"above {Thresholds.max_distance_miles:g} miles, unless set otherwise"

_DEFAULT = (
    OUTSIDE_MONTH,
    _rule(
        "dropoff_before_pickup",
        "dropoff_at < pickup_at",
        "A trip can't end before it begins.",
        "pickup_at",
        "dropoff_at",
    ),
    _rule(
        "impossible_duration",
        "date_diff('microsecond', pickup_at, dropoff_at)"
        " > round(getvariable('max_duration_hours') * 3600000000)",  # 2.3 hours are a little less in floats
        f"Above {Thresholds.max_duration_hours:g} hours, unless set otherwise: a dropoff clock one day late.",
        "pickup_at",
        "dropoff_at",
    ),
    _rule(
        "negative_amount",
        "fare_amount < 0 OR total_amount < 0",
        "A reversal of a charge, not a trip; its positive twin goes with it as 'refunded'.",
        "fare_amount",
        "total_amount",
    ),
    _rule(
        "negative_amount",
        "base_passenger_fare < 0",
        "A reversal of a charge, not a trip.",
        "base_passenger_fare",
    ),
    _rule(
        "impossible_amount",
        "fare_amount NOT BETWEEN -1e9 AND 1e9 OR total_amount NOT BETWEEN -1e9 AND 1e9",
        "No number, infinite, or above 10^9 dollars: sums leave it out or are ruined by it.",
        "fare_amount",
        "total_amount",
    ),
    _rule(
        "impossible_amount",
        "base_passenger_fare NOT BETWEEN -1e9 AND 1e9",  # NaN is above every number, in DuckDB
        "No number, infinite, or above 10^9 dollars: sums leave it out or are ruined by it.",
        "base_passenger_fare",
    ),
    _rule(
        "unknown_location",
        "pu_location_id NOT BETWEEN 1 AND 265 OR do_location_id NOT BETWEEN 1 AND 265",
        "A zone outside 1 to 265.",
        "pu_location_id",
        "do_location_id",
    ),
    _rule(
        "impossible_distance",
        "trip_distance < 0 OR trip_distance > getvariable('max_distance_miles')",
        f"Below zero or {_TOO_FAR}: a meter fault.",
        "trip_distance",
    ),
    _rule(
        "impossible_distance",
        "trip_miles < 0 OR trip_miles > getvariable('max_distance_miles')",
        f"Below zero or {_TOO_FAR}: a fault of the app.",
        "trip_miles",
    ),
)

_COURSE = (
    _rule(
        "no_passenger",
        "passenger_count IS NULL OR passenger_count <= 0",
        "The course keeps passenger_count > 0, so nulls go too.",
        "passenger_count",
    ),
    _rule(
        "no_distance",
        "trip_distance IS NULL OR trip_distance <= 0",
        "The course keeps trip_distance > 0, so nulls go too.",
        "trip_distance",
    ),
)

RULE_SETS: Mapping[str, tuple[Rule, ...]] = MappingProxyType(
    {
        "default": (*_DEFAULT, REFUNDED),  # for production
        "course": _COURSE,  # the course's filter, for its homework's answers
        "none": (),  # conform only: every row is kept
    }
)


def rules_for(service: ServiceName, rule_set: str) -> tuple[Rule, ...]:
    """The rules of a set that a service's columns allow.

    Raises:
        ValueError: No such set.
    """
    if rule_set not in RULE_SETS:
        raise ValueError(f"There is no rule set {rule_set!r}; choose one of {', '.join(RULE_SETS)}.")
    names = {column.name for column in columns(service)}
    return tuple(rule for rule in RULE_SETS[rule_set] if rule.needs <= names)


def variables(month: date, thresholds: Thresholds) -> dict[str, datetime | float]:
    """The DuckDB variables that the predicates read."""
    return {
        "month_start": datetime.combine(month, time()),
        "month_end": datetime.combine(next_month(month), time()),
        **asdict(thresholds),
    }


def threshold_names() -> tuple[str, ...]:
    """Names of the thresholds, as run config spells them."""
    return tuple(field.name for field in fields(Thresholds))
