"""Objects of JSON texts that name a key twice: readers keep one of the values, each another one, so no door takes them.

`parse_strict` is for small texts. Large ones are read by a faster parser and asked `may_repeat_keys` afterwards, which
compares two counts; only where they differ is the text read again, by `parse_marked`.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from simulation.canonical import NUMBERS, Json
from simulation.edges import limited_integer, limited_number


class RepeatedKey(ValueError):
    """A text has an object with this key twice."""

    def __init__(self, key: str) -> None:
        super().__init__(sentence(key))
        self.key = key


class Repeated(dict[str, Json]):
    """An object whose text has `key` twice; it holds the last value of each."""

    key: str


def sentence(key: str) -> str:
    """What is wrong, naming the key: `the key 'id' stands twice in one object`."""
    return f"the key {key[:100]!r} stands twice in one object"


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise RepeatedKey(_repeated(pairs))
    return value


def _marked(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    marked = Repeated(value)
    marked.key = _repeated(pairs)
    return marked


def _repeated(pairs: list[tuple[str, Json]]) -> str:
    """The first key that comes again."""
    keys: set[str] = set()
    for key, _ in pairs:
        if key in keys:
            return key
        keys.add(key)
    raise ValueError("no key is repeated")


_LIMITED: dict[str, Any] = NUMBERS | {"parse_float": limited_number, "parse_int": limited_integer}
_STRICT: json.JSONDecoder = json.JSONDecoder(object_pairs_hook=_unique, **_LIMITED)
_ONCE: json.JSONDecoder = json.JSONDecoder(object_pairs_hook=_unique, **NUMBERS)
_MARKING: dict[str, Any] = {"object_pairs_hook": _marked, **NUMBERS}


def parse_strict(text: str | bytes) -> Json:
    """`canonical.parse_exact` for texts from outside.

    Raises RepeatedKey, a ValueError, where an object has a key twice, and NumberOutOfLimits for numbers without end.
    """
    return _STRICT.decode(text if isinstance(text, str) else _decoded(text))


def _decoded(text: bytes) -> str:
    """The text of bytes in whichever Unicode encoding they are, as Python's reader of JSON finds it."""
    return text.decode(json.detect_encoding(text), "surrogatepass")


def parse_next(text: str, start: int) -> tuple[Json, int]:
    """The value that begins at a place of the text, numbers exact, and the place after it; ValueError if none does."""
    try:
        return _ONCE.raw_decode(text, start)
    except ArithmeticError:
        raise ValueError("a number's exponent is out of range") from None


def parse_marked(text: str | bytes) -> Json:
    """`canonical.parse_exact` where every object that has a key twice is `Repeated`."""
    return json.loads(text, **_MARKING)


def repeated(value: Json) -> Iterator[tuple[str, str]]:
    """(JSON pointer, key) of every repeated key within a value of `parse_marked`."""
    waiting: list[tuple[str, Json]] = [("", value)]
    while waiting:
        pointer, item = waiting.pop()
        if isinstance(item, Repeated):
            yield f"{pointer}/{_token(item.key)}", item.key
        if isinstance(item, dict):
            waiting += [(f"{pointer}/{_token(key)}", inner) for key, inner in item.items()]
        elif isinstance(item, list):
            waiting += [(f"{pointer}/{index}", inner) for index, inner in enumerate(item)]


def first_repeated(value: Json) -> str | None:
    """A repeated key within a value of `parse_marked`."""
    return next((key for _, key in repeated(value)), None)


def _token(key: str) -> str:
    """One reference token of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


_ALL_BUT_QUOTES_AND_COLONS = bytes(sign for sign in range(256) if sign not in b'":')


def may_repeat_keys(text: bytes, values: Sequence[Json]) -> bool:
    """Whether some object of the text may have a key twice; `values` are all that the text was read as.

    Of quotes and colons alone, the member `"key": 1` leaves `"":`, so the text has at least as many of these as it has
    members, unless a key has a colon itself. Where it has more than were read, a key is repeated or a colon stands in a
    string of a list. Never false for a repeated key; costs one scan of the text.
    """
    named = text.translate(None, _ALL_BUT_QUOTES_AND_COLONS).count(b'"":')
    if all(type(value) is dict for value in values):
        if any(":" in key for key in set().union(*values)):
            return True
        if named == sum(map(len, values)):
            return False
    members, has_colon = _members(values)
    return has_colon or named != members


def _members(values: Sequence[Json]) -> tuple[int, bool]:
    """The number of members of all objects within the values, and whether one of them has a colon in its name."""
    total, has_colon = 0, False
    waiting: list[Json] = list(values)
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            total += len(item)
            has_colon = has_colon or any(":" in key for key in item)
            waiting += [inner for inner in item.values() if isinstance(inner, dict | list)]
        elif isinstance(item, list):
            waiting += [inner for inner in item if isinstance(inner, dict | list)]
    return total, has_colon
