"""Answers are open and requests are closed: what both embed gets a component of its own for each (spec 6)."""

from collections.abc import Iterator
from typing import Any

from api.schemas.common import Document
from api.shapes.components import REF


def open_answers(document: Document) -> None:
    """Let every schema that answers reach take further fields, in place.

    A schema that requests reach too stays closed for them; answers get an open one, named without `Body`.
    """
    schemas: Document = document["components"]["schemas"]
    sent, answered = _reached(document, "requestBody"), _reached(document, "responses")
    renamed = {name: _open_name(name, schemas) for name in sorted(answered & sent) if _is_closed(schemas[name])}
    for name in sorted(answered):
        opened = _opened(schemas[name], renamed)
        schemas[renamed.get(name, name)] = opened
    for item in _operations(document):
        item["responses"] = _opened(item["responses"], renamed)


def _open_name(name: str, schemas: Document) -> str:
    short = name.removesuffix("Body")
    return short if short not in schemas else f"{short}Answered"


def _is_closed(schema: Document) -> bool:
    return schema.get("additionalProperties") is False


def _opened(part: Any, renamed: dict[str, str]) -> Any:
    if isinstance(part, list):
        return [_opened(each, renamed) for each in part]
    if not isinstance(part, dict):
        return part
    opened = {
        name: each if name in ("example", "examples") else _opened(each, renamed)
        for name, each in part.items()
        if not (name == "additionalProperties" and each is False)
    }
    name = str(part.get("$ref", "")).removeprefix(REF)
    return opened | {"$ref": REF + renamed[name]} if name in renamed else opened


def _reached(document: Document, side: str) -> set[str]:
    """The names of the schemas that one side of the operations reaches."""
    schemas = document["components"]["schemas"]
    waiting = {name for item in _operations(document) for name in _references(item.get(side))}
    if side == "responses":
        waiting |= set(_references(document["components"].get("responses")))
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting |= set(_references(schemas[name])) - reached
    return reached


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        reference = part.get("$ref")
        if isinstance(reference, str) and reference.startswith(REF):
            yield reference.removeprefix(REF)
        for name, each in part.items():
            if name not in ("example", "examples"):
                yield from _references(each)
    elif isinstance(part, list):
        for each in part:
            yield from _references(each)


def _operations(document: Document) -> Iterator[Document]:
    for methods in document["paths"].values():
        yield from methods.values()
