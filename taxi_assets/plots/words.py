"""Numbers and months as the pictures say them."""

from datetime import date

_SCALES = (
    (1_000_000_000, 1_000_000_000, "billion"),
    (1_000_000, 1_000_000, "million"),
    (10_000, 1_000, "thousand"),
)
"""From which number on which word is used for how many; 9,500 is read as easily as 9.5 thousand."""

_LEAST_PERCENT = 0.01


def month_in_words(month: date) -> str:
    """``January 2024``."""
    return f"{month:%B %Y}"


def scaled(largest: float) -> tuple[int, str]:
    """By what to divide numbers up to ``largest``, and the word for it: 1,000 and ``thousand``."""
    for least, factor, word in _SCALES:
        if largest >= least:
            return factor, word
    return 1, ""


def unit_in_words(word: str, unit: str) -> str:
    """``Thousand trips``, ``Trips``."""
    words = f"{word} {unit}".strip()
    return words[0].upper() + words[1:]


def in_words(value: float, unit: str) -> str:
    """``1.53 million USD``."""
    factor, word = scaled(abs(value))
    number = f"{value / factor:.3g}" if word else f"{value:,.0f}"
    return " ".join(part for part in (number, word, unit) if part)


def counted(number: int, thing: str) -> str:
    """``1 trip``, ``2,000 trips``."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def share_in_words(part: float, whole: float) -> str:
    """``0.98 %``; what is there but would round to nothing is said to be less."""
    percent = 100 * part / whole if whole else 0.0
    if 0 < percent < _LEAST_PERCENT:
        return f"less than {_LEAST_PERCENT} %"
    return f"{percent:.3g} %" if percent >= 1 or not percent else f"{percent:.2g} %"
