"""Text in a cell of a CSV file. Pure."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def safe_text(text: str) -> str:
    """Text that a spreadsheet would run as a formula is kept from it by an apostrophe."""
    return "'" + text if text.startswith(FORMULA) else text
