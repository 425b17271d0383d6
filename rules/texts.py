"""The rule for texts that people and systems write, one for every door (spec 1). Pure.

A name is one line that can be seen: no control character, no line or paragraph separator, nothing that turns the
direction of what is read after it. A long text may break lines and have tabs. Both are kept by every database.
"""

import re
import unicodedata

DIRECTION = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"
"""The inside of a class of the characters that change the direction, or the shapes, of what follows them."""
CONTROL = "\\x00-\\x1f\\x7f-\\x9f\u2028\u2029"
"""The inside of a class of control characters (C0, DEL, C1) and separators: they break lines, exports, databases."""
UNFIT = CONTROL + DIRECTION
"""The inside of a class of the characters that no name and no id has; Python, RE2 and JSON Schema read it alike."""
LINE_BREAKS = "\t\n\r"

_UNFIT = re.compile(f"[{UNFIT}\ud800-\udfff]")
_UNFIT_IN_LINES = re.compile(f"(?![{LINE_BREAKS}])[{UNFIT}\ud800-\udfff]")
_NAMES = {"\0": "NUL", "\t": "TAB", "\n": "LINE FEED", "\r": "CARRIAGE RETURN", "\x1b": "ESCAPE", "\x85": "NEXT LINE"}
"""The names of control characters, of which Unicode itself gives none."""
_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_VISIBLE_KINDS = frozenset("LNPS")


def unfit_character(text: str, *, lines: bool = False) -> str | None:
    """The first character that a name must not have, or a long text (`lines`): `U+202E RIGHT-TO-LEFT OVERRIDE`."""
    match = (_UNFIT_IN_LINES if lines else _UNFIT).search(text)
    if match is None:
        return None
    return f"U+{ord(match[0]):04X} {_NAMES.get(match[0]) or unicodedata.name(match[0], '')}".strip()


def without_unfit(text: str) -> str:
    """The text without the characters that a name must not have."""
    return _UNFIT.sub("", text)


def says_something(text: str) -> bool:
    """Whether any character of the text can be seen; blanks, marks alone and zero-width characters cannot."""
    return any(unicodedata.category(char)[0] in _VISIBLE_KINDS and char not in _BLANK_LETTERS for char in text)


def problem_of(text: str, *, lines: bool = False, may_be_blank: bool = False) -> str | None:
    """Why the text cannot be kept, as a sentence that follows `It` or the name of a field; None when it can."""
    if unfit := unfit_character(text, lines=lines):
        kept = (
            "control or direction characters but line breaks and tabs" if lines else "control or direction characters"
        )
        return f"holds {unfit}, and no text may have {kept}: take it out."
    if not may_be_blank and not says_something(text):
        return "must not be blank: write something that can be seen."
    return None
