"""Nested records: values by dotted path, and the paths that a record has.

A key may itself contain dots, so the literal key is preferred to the path: `attributes.gen_ai.usage.input_tokens` is
the key `gen_ai.usage.input_tokens` of `attributes`. A list of `{"key": …, "value": {"intValue": …}}`, as OpenTelemetry
writes attributes, is read as an object of its keys.
"""

from collections.abc import Iterator, Mapping

from simulation.canonical import Json, JsonObject

MAX_DEPTH = 32
_TYPED = ("stringValue", "intValue", "doubleValue", "boolValue")


def at(value: Json, path: str) -> Json:
    """The value at a path; None where there is none."""
    value = _opened(value)
    if isinstance(value, list):
        head, _, rest = path.partition(".")
        item = value[int(head)] if head.isdecimal() and len(head) < 6 and int(head) < len(value) else None
        return at(item, rest) if rest else _plain(item)
    if not isinstance(value, dict):
        return None
    if path in value:
        return _plain(value[path])
    place = path.rfind(".")
    while place > 0:
        if path[:place] in value:
            inner = at(value[path[:place]], path[place + 1 :])
            if inner is not None:
                return inner
        place = path.rfind(".", 0, place)
    return None


def paths(record: JsonObject, before: str = "", depth: int = 0) -> Iterator[tuple[str, Json]]:
    """Every value of a record that is no object, by its path, in order; lists other than attributes are left whole."""
    for key, inner in record.items():
        value = _opened(inner)
        if isinstance(value, dict) and value and depth < MAX_DEPTH:
            yield from paths(value, f"{before}{key}.", depth + 1)
        else:
            yield f"{before}{key}", _plain(value)


def roots(path: str) -> list[str]:
    """The names that the path's first key may have, the longest first: `a.b.c`, `a.b`, `a`."""
    parts = path.split(".")
    return [".".join(parts[:length]) for length in range(len(parts), 0, -1)]


def is_nested(value: Json) -> bool:
    """Whether a value is an object or a list."""
    return isinstance(value, dict | list)


def _opened(value: Json) -> Json:
    """A list of attributes as an object of its keys; any other value as it is."""
    if isinstance(value, list) and value and all(isinstance(item, Mapping) and "key" in item for item in value):
        return {str(item["key"]): _plain(item.get("value")) for item in value}
    return value


def _plain(value: Json) -> Json:
    """The value of one attribute without the name of its type."""
    if isinstance(value, dict) and len(value) == 1:
        name, inner = next(iter(value.items()))
        return inner if name in _TYPED else value
    return value
