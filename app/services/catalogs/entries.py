"""Judging entries that come in by any door: what is stored, or why not (spec 1).

A file gives texts, a request JSON. Both pass the same checks, and a row that fails one has its field and the reason.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson

from app.models.base import AnySession
from app.models.catalog import SegmentCatalog
from app.services.catalogs.kinds import CUSTOMERS, EVENTS, METRICS, QUALITY_SIGNALS, Kind
from app.services.catalogs.reading import keys_of
from app.services.catalogs.spellings import binding_dimensions
from rules.enums import MetricType
from rules.ids import MAX_ID_LENGTH, OWN_ID_RULE, is_own_id
from rules.texts import problem_of
from simulation.canonical import Json
from simulation.events import BASE_FIELDS

MAX_KEY_LENGTH = MAX_ID_LENGTH
MAX_LENGTHS: Mapping[str, int] = {"description": 20_000}
"""Characters of the fields that may have more than a key."""
MAX_DIMENSIONS = 500
_PARTS = re.compile(r"[,;|\n]")
_DIMENSION = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")

Values = dict[str, Json]
"""The fields of an entry that were given, checked: what is left out keeps what is stored."""


class Problem(NamedTuple):
    """The first problem with a row: its number, the field and the reason."""

    row: int
    field: str
    reason: str


@dataclass
class Words:
    """The words of a workspace that entries are judged by: dimensions by their case-folded names, and segments."""

    dimensions: dict[str, str] = field(default_factory=dict)
    segments: frozenset[str] = frozenset()

    @classmethod
    def naming(cls, names: Iterable[str], segments: Iterable[str] = ()) -> "Words":
        """The words of a workspace with these dimensions and segments; the base fields count as dimensions."""
        folded: dict[str, str] = {}
        for name in sorted({*names, *BASE_FIELDS}):
            folded.setdefault(name.casefold(), name)
        return cls(folded, frozenset(segments))


@dataclass(frozen=True)
class Judged:
    """The entries of some rows by key, each with the fields that were given; the problems of the others."""

    entries: Mapping[str, Values]
    problems: tuple[Problem, ...]
    accepted: int


def words_of(session: AnySession, kind: Kind, workspace_id: str, stored_dimensions: Iterable[str]) -> Words:
    """The words of the workspace that entries of this kind are judged by; its stored events have these dimensions."""
    return Words.naming(
        binding_dimensions(session, workspace_id, stored_dimensions) if kind is EVENTS else (),
        keys_of(session, SegmentCatalog, workspace_id) if kind is CUSTOMERS else (),
    )


def judge(kind: Kind, rows: Iterable[tuple[int, Mapping[str, Json]]], words: Words) -> Judged:
    """Judge (row number, fields) one after the other. Rows of one key are one entry: what a later one gives, stands.

    Two dimensions must not differ only in case, because the columnar engine reads them as one.
    """
    entries: dict[str, Values] = {}
    problems: list[Problem] = []
    accepted = 0
    for number, row in rows:
        values = _stripped(kind, row)
        problem = _problem(kind, values, words)
        if problem is not None:
            problems.append(Problem(number, *problem))
            continue
        accepted += 1
        for name in values.get("dimensions", ()):
            words.dimensions.setdefault(name.casefold(), name)
        _join(entries.setdefault(values[kind.key], {}), values)
    return Judged(entries, tuple(problems), accepted)


def _join(entry: Values, values: Values) -> None:
    """Take over what a row gives; dimensions are added to those of earlier rows."""
    names = [*entry.get("dimensions", ()), *values.get("dimensions", ())]
    entry.update(values)
    if names:
        entry["dimensions"] = list(dict.fromkeys(names))


def _stripped(kind: Kind, row: Mapping[str, Json]) -> Values:
    """The fields that say anything, without blanks around them; dimensions as a list."""
    values: Values = {}
    for name in kind.fields:
        value = row.get(name)
        if name == "dimensions":
            value = _names(value) if isinstance(value, str) else value
        elif isinstance(value, str):
            value = value.strip()
        if value:
            values[name] = value
    return values


def _names(text: str) -> list[str]:
    """The names in `a, b`, `a;b`, `a|b` or a JSON list."""
    if text.strip().startswith("["):
        try:
            return [str(name).strip() for name in orjson.loads(text)]
        except orjson.JSONDecodeError:
            return [text.strip()]
    return [name.strip() for name in _PARTS.split(text) if name.strip()]


def _problem(kind: Kind, values: Values, words: Words) -> tuple[str, str] | None:
    """Field and reason of the first problem."""
    for name in kind.needed:
        if name not in values:
            return name, f"{name} is missing"
    for name in kind.fields:
        if name != "dimensions" and (reason := _unfit_text(kind, name, values.get(name))):
            return name, reason
    if kind is METRICS and values["type"] not in tuple(MetricType):
        return "type", f"type {values['type'][:100]!r} is not one of: {', '.join(MetricType)}"
    if kind is CUSTOMERS and values["segment"] not in words.segments:
        return "segment", unknown_segment(values["segment"])
    if reason := _unfit_dimensions(values.get("dimensions", ()), words.dimensions):
        return "dimensions", reason
    return None


def unknown_segment(segment: str) -> str:
    """The reason of a reject that names a segment which the workspace does not read, and the fix."""
    return f"segment {segment!r} is not in the catalog: correct it, or add it to the segments"


def _unfit_text(kind: Kind, name: str, value: Json) -> str | None:
    """Why a field cannot be kept: a key is an id, a description has several lines, everything else is a name."""
    longest = MAX_LENGTHS.get(name, MAX_KEY_LENGTH)
    if value is None:
        return None
    if not isinstance(value, str):
        return f"{name} must be a text"
    if len(value) > longest:
        return f"{name} has more than {longest:,} characters"
    if problem := problem_of(value, lines=name in MAX_LENGTHS):
        return f"{name} {problem.removesuffix('.')}"
    if name == kind.key and kind in (METRICS, QUALITY_SIGNALS) and not is_own_id(value):
        return f"{name} must be {OWN_ID_RULE}"
    return None


def _unfit_dimensions(names: Iterable[str], known: Mapping[str, str]) -> str | None:
    own_names: dict[str, str] = {}
    for count, name in enumerate(names, 1):
        twin = known.get(name.casefold(), own_names.setdefault(name.casefold(), name))
        if count > MAX_DIMENSIONS:
            return f"an event type has at most {MAX_DIMENSIONS} dimensions"
        if not _DIMENSION.fullmatch(name):
            return f"{name[:100]!r} cannot name a dimension: use letters, digits, '_', '.', '-'"
        if twin != name:
            return f"{name!r} differs from {twin!r} only in case"
    return None
