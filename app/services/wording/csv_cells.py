"""Text in a cell of a CSV file. Pure."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def safe_text(text: str) -> str:
    """The text, behind an apostrophe where a spreadsheet would run it as a formula."""
    return "'" + text if text.startswith(FORMULA) else text
