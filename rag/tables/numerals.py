"""Numbers as an answer shows them: exact, with separators, rounded where a quotient is endless."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

PERCENT_PLACES = 1
MEAN_PLACES = 2  # a mean has so many more places than the numbers it is of


def format_number(value: Decimal, places: int | None = None) -> str:
    """`1,284,900.5`; with `places`, rounded half up and without trailing zeros."""
    if places is not None:
        value = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def with_unit(number: str, unit: str) -> str:
    """The unit after its number, a currency sign before it."""
    if not unit:
        return number
    if unit in ("%", "‰"):
        return f"{number}{unit}"
    return f"{unit}{number}" if unit in "$€£¥₩₹" else f"{number} {unit}"


def percent(part: Decimal, whole: Decimal) -> str:
    """A share or a change in percent; `0.04` where one place would show nothing."""
    share = part * 100 / whole
    places = PERCENT_PLACES if abs(share) >= 1 or not share else 2
    return f"{format_number(share, places)}%"


def signed_percent(before: Decimal, after: Decimal) -> str:
    """The change from one number to the next: `+12.5%`; `n/a` where it starts from nothing."""
    if not before:
        return "n/a"
    text = percent(after - before, abs(before))
    return text if text.startswith("-") or after == before else f"+{text}"
