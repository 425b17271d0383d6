"""From bytes to checked values: JSON bodies and query strings, with every fault named by a pointer (spec 6)."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from flask import Request
from marshmallow import Schema, ValidationError

from api.schemas.common import Document
from app.errors import AvsError, FieldError, Invalid
from simulation.edges import MAX_DEPTH, MAX_VALUES, NUMBER_LIMITS, NumberOutOfLimits, limited_integer, limited_number
from simulation.repeated_keys import RepeatedKey, parse_marked, parse_strict, repeated

JSON_TYPE = "application/json"
MAX_ERRORS = 50
_CODES = {
    "Missing data for required field.": "required",
    "Field may not be null.": "null",
    "There is no such field.": "unknown_field",
    "There is no such parameter.": "unknown_parameter",
}


class UnsupportedMediaType(AvsError):
    status = 415
    title = "Unsupported media type"


class TooMuch(AvsError):
    status = 413
    title = "Too large"


class MalformedJson(AvsError):
    status = 400
    title = "Malformed JSON"


def read_json(incoming: Request) -> Any:
    """The request's JSON with exact numbers.

    Raises 415 for another content type, 400 for what is no JSON (with the place) and for texts that no database keeps.
    """
    require_type(incoming, (JSON_TYPE,))
    return parse_json(incoming.get_data())


def require_type(incoming: Request, types: Iterable[str]) -> None:
    """Raise 415 unless the body comes as one of these media types: no form of another site can send one of ours."""
    if incoming.mimetype not in types:
        raise UnsupportedMediaType(
            f"Send the body as {', '.join(types)}, not {incoming.mimetype or 'without a Content-Type'}.",
            code="unsupported_media_type",
        )


def parse_json(content: bytes) -> Any:
    """`parse_strict`, with refusals that say where: truncated text, a key twice, NaN, absurd depth, half characters."""
    try:
        value = parse_strict(content)
    except RepeatedKey as error:
        raise _repeated_keys(content, error) from error
    except json.JSONDecodeError as error:
        where = f"{error.msg} at line {error.lineno}, column {error.colno}"
        raise _malformed(f"The body is not JSON: {where}.") from error
    except RecursionError as error:
        raise _malformed(f"The body is nested deeper than {MAX_DEPTH} levels.") from error
    except UnicodeDecodeError as error:
        raise _malformed(f"The body is not UTF-8: byte {error.start} cannot be read.") from error
    except (ValueError, ArithmeticError) as error:
        raise _malformed_numbers(content, error) from error
    _require_few_values(content, value)
    faults = (
        [FieldError(pointer, detail) for pointer, detail in _unstorable(value, "", 1)] if _is_doubtful(content) else []
    )
    if faults:
        raise _malformed(faults[0].detail, faults[:MAX_ERRORS])
    return value


def _require_few_values(content: bytes, value: Any) -> None:
    """Raise 413 for a body of more values than anybody needs; most bodies have too few commas to be counted."""
    if content.count(b",") < MAX_VALUES:
        return
    count, waiting = 0, [value]
    while waiting:
        item = waiting.pop()
        count += len(item)
        if count > MAX_VALUES:
            raise TooMuch(f"The body has more than {MAX_VALUES:,} values: send it in parts.", code="too_many_values")
        inner = item.values() if isinstance(item, dict) else item
        waiting += [part for part in inner if isinstance(part, dict | list)]


def _is_doubtful(content: bytes) -> bool:
    """Whether a body may hold what no database keeps: only an escape can write it, only many brackets can be deep."""
    return b"\\u" in content or content.count(b"[") + content.count(b"{") > MAX_DEPTH


def _malformed(detail: str, errors: Sequence[FieldError] = ()) -> MalformedJson:
    return MalformedJson(detail, code="malformed_json", errors=errors)


def _repeated_keys(content: bytes, error: RepeatedKey) -> MalformedJson:
    """A second reading, only to say at which fields the keys are that an object has twice."""
    try:
        value = parse_marked(content)
    except (ValueError, ArithmeticError, RecursionError):  # more is wrong with it; this alone is refused
        return _malformed(f"The body is not JSON that can be kept: {error}.")
    errors = [
        FieldError(pointer[:200], f"The key {key[:100]!r} stands twice in one object: send it once.", "repeated_key")
        for pointer, key in repeated(value)
    ]
    return _malformed(errors[0].detail, errors[:MAX_ERRORS])


class _NotANumber:
    """Stands where the text had something that is no JSON number."""

    def __init__(self, text: str) -> None:
        self.text = text[:40]


def _number(text: str) -> Any:
    try:
        return limited_number(text)
    except NumberOutOfLimits:
        return _NotANumber(text)


def _integer(text: str) -> Any:
    try:
        return limited_integer(text)
    except NumberOutOfLimits:
        return _NotANumber(text)


def _malformed_numbers(content: bytes, error: Exception) -> MalformedJson:
    """A second reading, only to say at which fields the numbers are that JSON does not have."""
    value = json.loads(content, parse_float=_number, parse_int=_integer, parse_constant=_NotANumber)
    errors = [
        FieldError(pointer, f"{pointer}: {bad.text} is not a JSON number: {NUMBER_LIMITS}", "not_a_number")
        for pointer, bad in _leaves(value, "")
        if isinstance(bad, _NotANumber)
    ]
    detail = "; ".join(item.detail for item in errors[:3]) or str(error)
    return _malformed(f"The body is not JSON: {detail}.", errors[:MAX_ERRORS])


def _leaves(value: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        for key, item in _members(value):
            yield from _leaves(item, f"{pointer}/{escape(key)}")
    else:
        yield pointer, value


def _members(value: Any) -> Iterator[tuple[Any, Any]]:
    return iter(value.items() if isinstance(value, dict) else enumerate(value))


def _unstorable(value: Any, pointer: str, depth: int) -> Iterator[tuple[str, str]]:
    """(pointer, what is wrong) for everything that is JSON but that no database column keeps."""
    if isinstance(value, str):
        if not storable(value):
            yield pointer, f"{pointer or 'The body'} holds a NUL or half a character."
    elif isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            yield pointer[:200], f"The body is nested deeper than {MAX_DEPTH} levels."
            return
        for key, item in _members(value):
            if isinstance(key, str) and not storable(key):
                yield pointer, f"A name in {pointer or 'the body'} holds a NUL or half a character."
            else:
                yield from _unstorable(item, f"{pointer}/{escape(key)}", depth + 1)


def storable(text: str) -> bool:
    """Whether both databases keep the text: no NUL, no lone surrogates."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def escape(key: Any) -> str:
    """One reference token of a JSON pointer (RFC 6901)."""
    return str(key).replace("~", "~0").replace("/", "~1")


def load_body(schema: Schema, value: Any) -> Any:
    """The checked body, or 422 with one error per bad field."""
    try:
        return schema.load(value)
    except ValidationError as error:
        raise invalid_input(field_errors(error.messages)) from error


def invalid_input(errors: Sequence[FieldError]) -> Invalid:
    """422 whose detail names the fields, for messages that do not name them themselves."""
    shown = "; ".join(f"{error.pointer.lstrip('/') or 'body'}: {error.detail}" for error in errors[:5])
    return Invalid(shown, code="invalid_input", errors=errors[:MAX_ERRORS])


def field_errors(messages: Any, pointer: str = "") -> list[FieldError]:
    """marshmallow's nested messages as a flat list with JSON pointers."""
    if isinstance(messages, Mapping):
        return [
            error
            for key, inner in messages.items()
            for error in field_errors(inner, pointer if key == "_schema" else f"{pointer}/{escape(key)}")
        ]
    if isinstance(messages, list):
        return [error for inner in messages for error in field_errors(inner, pointer)]
    return [FieldError(pointer, str(messages), _CODES.get(str(messages), "invalid"))]


def load_query(schema: Schema | None, incoming: Request) -> Document:
    """The checked query parameters, or 400 that names each bad one; unknown and repeated ones are bad."""
    parameters = incoming.args
    errors = [_bad(name, "is given more than once") for name in parameters if len(parameters.getlist(name)) > 1]
    errors += [
        _bad(name, "holds a NUL or half a character") for name, value in parameters.items() if not storable(value)
    ]
    values = {}
    try:
        values = (schema or NO_PARAMETERS).load(parameters.to_dict())
    except ValidationError as error:
        errors += [FieldError(e.pointer.lstrip("/"), e.detail, e.code) for e in field_errors(error.messages)]
    if errors:
        raise bad_parameters(errors)
    return values


def bad_parameters(errors: Sequence[FieldError]) -> AvsError:
    """400 that names each bad query parameter."""
    shown = "; ".join(f"{error.pointer}: {error.detail}" for error in errors[:5])
    return AvsError(f"Bad query parameters: {shown}", code="bad_parameters", errors=errors[:MAX_ERRORS])


def _bad(name: str, what: str) -> FieldError:
    return FieldError(name, f"The parameter {what}.", "invalid")


class _NoParameters(Schema):
    error_messages = {"unknown": "There is no such parameter."}  # noqa: RUF012


NO_PARAMETERS = _NoParameters()
