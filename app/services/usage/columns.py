"""Text batches of events given as dicts; the step that judges the types of JSON.

The batch has `row` (int64), every base field and `d_<dimension>` (all text, null when absent). It is built column by
column, without a Python call per event; only rows that do not fit are examined one by one.
"""

from collections import Counter
from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from decimal import Decimal
from itertools import chain, repeat

import pyarrow as pa
import pyarrow.compute as pc

from app.services.usage.fields import MAX_NEW_DIMENSIONS, NOT_AN_EVENT, Policy, Reject
from app.services.usage.formats import Malformed, Rows
from app.services.usage.nested import is_nested
from app.services.usage.numbers import column_texts, value_text
from simulation.canonical import Json, JsonObject
from simulation.events import BASE_FIELDS

_SCALARS = {str, int, float, bool, Decimal, type(None)}

Problems = dict[int, tuple[str, str]]
"""Position in the batch → field and reason of the first problem with the row."""


def text_batch(rows: Rows, policy: Policy, left_out: Counter[str] | None = None) -> tuple[pa.RecordBatch, list[Reject]]:
    """The rows that are objects of texts, numbers and booleans as one batch, and a Reject for each other row.

    A nested value under a name that no event type has is left out, and counted in `left_out` by its name; under a
    name of the catalog's it is a problem of its row.
    """
    problems: Problems = {}
    nested: Counter[str] = Counter()
    _note_misfits(rows.values, problems)
    columns = {} if problems else _columns(rows.values, policy, problems, nested)
    if problems:
        rest = [position for position in range(len(rows.values)) if position not in problems]
        kept = Rows([rows.values[position] for position in rest], [rows.numbers[position] for position in rest])
        batch, later = text_batch(kept, policy, left_out)
        return batch, later + [_reject(rows, position, problem) for position, problem in problems.items()]
    if left_out is not None:
        left_out.update(nested)
    return pa.RecordBatch.from_pydict({"row": pa.array(rows.numbers, pa.int64()), **columns}), []


def _note_misfits(values: Sequence[Json], problems: Problems) -> None:
    """Note what is no JSON object."""
    if set(map(type, values)) <= {dict}:
        return
    for position, value in enumerate(values):
        if isinstance(value, Malformed):
            problems[position] = (value.field, value.reason)
        elif not isinstance(value, dict):
            problems[position] = ("", "not a JSON object")


def _reject(rows: Rows, position: int, problem: tuple[str, str]) -> Reject:
    value = rows.values[position]
    event_id = value.get("event_id") if isinstance(value, dict) else None
    printable = event_id.encode(errors="replace").decode() if isinstance(event_id, str) else None
    return Reject(rows.numbers[position], *problem, event_id=printable)


def _columns(
    values: Sequence[JsonObject], policy: Policy, problems: Problems, nested: Counter[str]
) -> dict[str, pa.Array]:
    shapes = set(map(tuple, values))
    column = _reader(values, shapes)
    base = {name: _base_column(name, column(name), problems) for name in BASE_FIELDS}
    foreign = pc.and_(base["event_type"].is_null(), base["ts"].is_null())
    for position in pc.indices_nonzero(foreign).to_pylist():
        problems.setdefault(position, ("event_type", NOT_AN_EVENT))
    names = _dimension_names(values, set(chain.from_iterable(shapes)), policy, problems, nested)
    return base | {
        f"d_{name}": _dimension_column(
            name, column(name), problems, None if name in policy.known_dimensions else nested
        )
        for name in names
    }


def _reader(values: Sequence[JsonObject], shapes: Set[tuple[str, ...]]) -> Callable[[str], list[Json]]:
    """What gives the values of a name, None where an event has none of it. `shapes`: the names of each kind of event.

    Events that all have the same names, in the same order, are turned into columns at once.
    """
    if len(shapes) == 1:
        (names,) = shapes
        columns = dict(zip(names, zip(*map(dict.values, values), strict=True), strict=True))
        absent = (None,) * len(values)
        return lambda name: list(columns.get(name, absent))
    return lambda name: list(map(dict.get, values, repeat(name)))


def _base_column(name: str, column: list[Json], problems: Problems) -> pa.Array:
    for position in _positions_of_other_types(column, {str, type(None)}):
        if name == "ts" and type(column[position]) in (int, float, Decimal):  # an epoch time
            column[position] = _text(name, position, column[position], problems)
            continue
        problems.setdefault(position, (name, f"{name} must be a string"))
        column[position] = None
    return _array(name, column, problems)


def _positions_of_other_types(column: Sequence[Json], kinds: set[type]) -> list[int]:
    if set(map(type, column)) <= kinds:
        return []
    return [position for position, value in enumerate(column) if type(value) not in kinds]


def _dimension_names(
    values: Sequence[JsonObject],
    occurring: Set[str],
    policy: Policy,
    problems: Problems,
    nested: Counter[str],
) -> list[str]:
    """The dimensions that occur, sorted; an event with one that no event type has is noted as a problem.

    Otherwise a body of a thousand events with a thousand invented names each would make a million columns.
    """
    names = occurring - set(BASE_FIELDS)
    unknown = names - policy.known_dimensions
    if policy.extend_catalog and len(unknown) <= MAX_NEW_DIMENSIONS:
        return sorted(names)
    for position, value in enumerate(values) if unknown else ():
        for name in unknown & value.keys():
            if is_nested(value[name]):
                nested[name] += bool(value[name])
            elif value[name] is not None:
                problems.setdefault(position, _unknown_dimension(name, value, policy))
    return sorted(names - unknown)


def _unknown_dimension(name: str, event: JsonObject, policy: Policy) -> tuple[str, str]:
    if policy.extend_catalog:
        return name, f"more than {MAX_NEW_DIMENSIONS} new dimensions in one batch"
    return name, unknown_dimension(name, event.get("event_type"))


def unknown_dimension(name: str, event_type: object) -> str:
    """The reason of a reject: the catalog does not list the dimension for the event type."""
    return f"{name!r} is not a dimension of event type {event_type!r} in the catalog"


def _dimension_column(name: str, column: list[Json], problems: Problems, nested: Counter[str] | None) -> pa.Array:
    """The texts of a dimension; nested values are counted in `nested`, and problems where that is None."""
    if nested is not None:
        for position in _positions_of_other_types(column, _SCALARS):
            nested[name] += bool(column[position])
            column[position] = None
    with suppress(UnicodeEncodeError):
        if (texts := column_texts(column)) is not None:
            return texts
    return _array(name, [_text(name, position, value, problems) for position, value in enumerate(column)], problems)


def _text(name: str, position: int, value: Json, problems: Problems) -> str | None:
    try:
        return value_text(value)
    except ValueError:
        problems.setdefault(position, (name, f"{name} must be a finite number"))
    except TypeError:
        problems.setdefault(position, (name, f"{name} must be a text, a number or a boolean, not a nested value"))
    return None


def _array(name: str, texts: list[str | None], problems: Problems) -> pa.Array:
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can write and UTF-8 cannot
        for position, text in enumerate(texts):
            if text is not None and text != text.encode(errors="ignore").decode():
                problems.setdefault(position, (name, f"{name} has half a surrogate pair"))
        return pa.nulls(len(texts), pa.string())
