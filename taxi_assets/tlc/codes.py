"""What the codes in the trip records stand for: every value that the TLC's data dictionaries name.

Text codes are compared without regard to case and blanks: 2009 and 2010 write ``CASH``, ``Cash`` and
``CAS`` alike, and pad some to three letters.
"""

from collections.abc import Mapping
from types import MappingProxyType

_BASES = {"HV0002": "Juno", "HV0003": "Uber", "HV0004": "Via", "HV0005": "Lyft"}

CODES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "hvfhs_license_num": _BASES,
        "vendor_id": {
            "1": "Creative Mobile Technologies",
            "2": "Curb Mobility (VeriFone before)",
            "6": "Myle Technologies",
            "7": "Helix",
        },
        "vendor_name": {
            "CMT": "Creative Mobile Technologies",
            "VTS": "VeriFone",
            "DDS": "Digital Dispatch Systems",
        },
        "ratecode_id": {
            "1": "standard",
            "2": "JFK",
            "3": "Newark",
            "4": "Nassau or Westchester",
            "5": "negotiated",
            "6": "group",
            "99": "unknown",
        },
        "payment_type": {
            "0": "flex fare",
            "1": "credit card",
            "2": "cash",
            "3": "no charge",
            "4": "dispute",
            "5": "unknown",
            "6": "voided",
        },
        "payment_method": {
            "CASH": "cash",
            "CAS": "cash",
            "CREDIT": "credit card",
            "CRE": "credit card",
            "NO CHARGE": "no charge",
            "NOC": "no charge",
            "NO": "no charge",
            "DISPUTE": "dispute",
            "DIS": "dispute",
            "UNK": "unknown",
            "NA": "unknown",
        },
        "trip_type": {"1": "street hail", "2": "dispatch"},
        "request_source": {"A": "dispatched", **_BASES},
    }
)
"""Canonical column to its values, each with its meaning."""


def is_known(column: str, value: str) -> bool:
    """Whether a value of a column of codes is one of those with a meaning."""
    return value.strip().upper() in CODES[column]
