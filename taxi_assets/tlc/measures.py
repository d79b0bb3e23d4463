"""What people ask of every service, and the columns in which each service answers.

Revenue is what passengers were charged, tips by card included. Yellow and green publish it as one column;
fhvhv publishes its parts, which are added up; fhv publishes neither money nor distance.
``marts/trips.sql`` says the same in SQL, and a check compares the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from taxi_assets.tlc.services import ServiceName


@dataclass(frozen=True)
class Measures:
    """Canonical columns of one service by what they measure; empty where it publishes no such thing.

    Attributes:
        revenue: Dollars charged: their sum.
        tips: Dollars of it that are tips.
        distance: Miles of the trip.
    """

    revenue: tuple[str, ...] = ()
    tips: str | None = None
    distance: str | None = None


_METERED = Measures(("total_amount",), "tip_amount", "trip_distance")

MEASURES: Mapping[ServiceName, Measures] = MappingProxyType(
    {
        "yellow": _METERED,
        "green": _METERED,
        "fhv": Measures(),
        "fhvhv": Measures(
            (
                "base_passenger_fare",
                "tolls",
                "bcf",
                "sales_tax",
                "congestion_surcharge",
                "airport_fee",
                "cbd_congestion_fee",
                "tips",
            ),
            "tips",
            "trip_miles",
        ),
    }
)
