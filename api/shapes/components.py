"""JSON Schemas of typed dictionaries, enums and named lists: components that the published document refers to (spec 6).

Documents that are stored and answered as they are have their shapes in `TypedDict` classes, most of them beside the
code that makes them. `Shapes` turns one into a component when it is first referred to, with all that it embeds.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from marshmallow import Schema

from api.shapes.named import Named, Written, of_enum
from api.shapes.names import LACKING, MEMBERS, NAMES, OPEN
from simulation.canonical import JsonObject

REF = "#/components/schemas/"
ANY = Any
_PLAIN: Mapping[object, JsonObject] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    Decimal: {"type": "number"},
    datetime: {"type": "string", "format": "date-time"},
    NoneType: {"type": "null"},
    ANY: {},
    object: {},
}
_NUMBER = frozenset({int, Decimal})


class Shapes:
    """The components of one document; `schema_ref` gives the reference to a marshmallow schema."""

    def __init__(self, schema_ref: Callable[[type[Schema]], JsonObject]) -> None:
        self.components: dict[str, JsonObject] = {}
        self._schema_ref = schema_ref

    def named(self, known: Named) -> JsonObject:
        """The reference to a closed list."""
        kind = "integer" if all(isinstance(value, int) for value in known.values) else "string"
        about = {"description": known.description} if known.description else {}
        self.components.setdefault(known.name, {"type": kind, "enum": list(known.values), **about})
        return {"$ref": REF + known.name}

    def written(self, known: Written) -> JsonObject:
        """The reference to a schema that is written out."""
        self.components.setdefault(known.name, dict(known.schema))
        return {"$ref": REF + known.name}

    def typed(self, kind: type) -> JsonObject:
        """The reference to a typed dictionary."""
        name = NAMES.get(kind.__name__, kind.__name__)
        if name not in self.components:
            self.components[name] = {}  # it may embed itself
            self.components[name] = self._object(kind)
        return {"$ref": REF + name}

    def _object(self, kind: type) -> JsonObject:
        hints = get_type_hints(kind, include_extras=True)
        required: frozenset[str] = kind.__required_keys__  # type: ignore[attr-defined]
        return {
            "type": "object",
            "description": " ".join((kind.__doc__ or "").split()),
            "properties": {name: self._member(kind, name, hint) for name, hint in hints.items()},
            "required": [name for name, hint in hints.items() if name in required and not _may_lack(kind, name, hint)],
            **({"additionalProperties": True} if kind.__name__ in OPEN else {}),
        }

    def _member(self, kind: type, name: str, hint: Any) -> JsonObject:
        """The schema of one member; what its type leaves open is said by `MEMBERS`."""
        hint = _bare(hint)
        closer = MEMBERS.get((kind.__name__, name)) or MEMBERS.get(("", name))
        if closer is None:
            return self.schema(hint)
        is_nullable = NoneType in get_args(hint) and NoneType not in get_args(closer)
        return self.schema(closer | None if is_nullable else closer)

    def schema(self, hint: Any) -> JsonObject:
        """The JSON Schema of a type."""
        hint = _bare(hint)
        if hint in _PLAIN:
            return dict(_PLAIN[hint])
        if isinstance(hint, type) and (is_typeddict(hint) or issubclass(hint, StrEnum | Schema)):
            return self._class(hint)
        origin, arguments = get_origin(hint), get_args(hint)
        if origin is Annotated:
            return self._annotated(*arguments)
        if origin is Literal:
            return {"type": "string", "const": arguments[0]}
        if origin in (Union, UnionType):
            return self._union(arguments)
        if origin in (list, Sequence):
            return {"type": "array", "items": self.schema(arguments[0])}
        if origin in (dict, Mapping):
            return {"type": "object", "additionalProperties": self.schema(arguments[1]) or True}
        raise TypeError(f"No JSON Schema is known for {hint!r}.")

    def _class(self, kind: Any) -> JsonObject:
        if is_typeddict(kind):
            return self.typed(kind)
        return self.named(of_enum(kind)) if issubclass(kind, StrEnum) else self._schema_ref(kind)

    def _annotated(self, kind: Any, *notes: Any) -> JsonObject:
        """The type with what its annotations say: a named list, a marshmallow schema, words for readers."""
        schema = self.schema(kind)
        for note in notes:
            if isinstance(note, Named):
                schema = self.named(note)
            elif isinstance(note, type) and issubclass(note, Schema):
                schema = self._schema_ref(note)
            elif isinstance(note, str):
                schema = {**schema, "description": note}
        return schema

    def _union(self, kinds: Sequence[Any]) -> JsonObject:
        others = [kind for kind in kinds if kind is not NoneType]
        schemas = [{"type": "number"}] if set(others) == _NUMBER else [self.schema(kind) for kind in others]
        if len(others) == len(kinds):
            return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
        return nullable(*schemas)


def nullable(*schemas: JsonObject) -> JsonObject:
    """The schemas, or null: as a list of types where that says it, which is what generators read best."""
    if len(schemas) == 1 and isinstance(schemas[0].get("type"), str) and schemas[0]["type"] != "object":
        return {**schemas[0], "type": [schemas[0]["type"], "null"]}
    return {"anyOf": [*schemas, {"type": "null"}]}


def _may_lack(kind: type, name: str, hint: Any) -> bool:
    """Whether a member need not be there: it is marked so (which late annotations hide from a class), or came later."""
    return get_origin(hint) is NotRequired or (kind.__name__, name) in LACKING


def _bare(hint: Any) -> Any:
    """A type without the marks of typed dictionaries that say whether a member is required."""
    while get_origin(hint) in (NotRequired, Required):
        hint = get_args(hint)[0]
    return hint
