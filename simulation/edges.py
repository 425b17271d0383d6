"""The limits of values within JSON and of query strings (spec 6): beyond them a door refuses, naming the limit.

Each is far from what anybody needs and bounds the time and the memory that a request can take. They stand on this floor
because rules and simulations hold to the same numbers; those of files and documents are in `app/sizes.py`, those of
connections in `app/limits.py`, and a resource's own fields have theirs beside them.
"""

from decimal import Decimal

MAX_DEPTH = 32
"""Levels of objects and lists within each other in a JSON body."""
MAX_VALUES = 200_000
"""Values in a JSON body, those within others included."""
MAX_NUMBER_CHARACTERS = 100
MAX_EXPONENT = 999
"""Power of ten of a number: no door needs more than 14, and writing 1e999999999 out would take a gigabyte."""
MAX_OBJECT_CHARACTERS = 20_000
"""Characters of a free JSON object, such as an event's context, in canonical JSON."""
MAX_QUERY_CHARACTERS = 8_192
MAX_PARAMETERS = 100
"""Parameters in a query string."""

NUMBER_LIMITS = f"numbers have at most {MAX_NUMBER_CHARACTERS} characters and powers of ten up to {MAX_EXPONENT}"


class NumberOutOfLimits(ValueError):
    """A JSON number is written with more characters, or a larger power of ten, than any door takes."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text[:20]}… is out of limits: {NUMBER_LIMITS}")


def limited_number(text: str) -> Decimal:
    """The exact number of a JSON text with a fraction or an exponent; NumberOutOfLimits beyond the limits."""
    if len(text) > MAX_NUMBER_CHARACTERS:
        raise NumberOutOfLimits(text)
    try:
        value = Decimal(text)
    except ArithmeticError:  # the exponent alone has twenty digits
        raise NumberOutOfLimits(text) from None
    if value and abs(value.adjusted()) > MAX_EXPONENT:
        raise NumberOutOfLimits(text)
    return value


def limited_integer(text: str) -> int:
    """The integer of a JSON text; NumberOutOfLimits beyond the limits, before its digits are read."""
    if len(text) > MAX_NUMBER_CHARACTERS:
        raise NumberOutOfLimits(text)
    return int(text)
