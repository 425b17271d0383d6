"""The event catalog from an uploaded file: rows add event types and dimensions, and remove none."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import orjson
import sqlalchemy as sa

from app.models.base import AnySession
from app.models.catalog import EventCatalog
from app.services.usage.fields import MAX_ID_LENGTH, Reject, by_folded_name
from simulation.events import BASE_FIELDS

_PARTS = re.compile(r"[,;|\n]")
_DIMENSION = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Entry:
    """One event type of the file, its rows taken together."""

    event_type: str
    description: str
    dimensions: tuple[str, ...]


def read_catalog(
    rows: Iterable[tuple[int, Mapping[str, str]]], catalog_dimensions: Iterable[str]
) -> tuple[list[Entry], list[Reject], int]:
    """Entries and rejects of (row number, {event_type, description?, dimensions?}), and the number of accepted rows.

    Two dimensions must not differ only in case, because the columnar engine reads them as one.
    """
    entries: dict[str, Entry] = {}
    rejects: list[Reject] = []
    names, accepted = by_folded_name([*catalog_dimensions, *BASE_FIELDS]), 0
    for number, row in rows:
        event_type = row.get("event_type", "").strip()
        dimensions = tuple(dict.fromkeys(_dimensions(row.get("dimensions", ""))))
        problem = _problem(event_type, dimensions, names)
        if problem is not None:
            rejects.append(Reject(number, *problem))
            continue
        names.update((name.casefold(), name) for name in dimensions)
        entry = entries.get(event_type, Entry(event_type, "", ()))
        entries[event_type] = Entry(
            event_type,
            row.get("description", "").strip() or entry.description,
            tuple(dict.fromkeys((*entry.dimensions, *dimensions))),
        )
        accepted += 1
    return list(entries.values()), rejects, accepted


def _dimensions(text: str) -> list[str]:
    """The names in `a, b`, `a;b`, `a|b` or a JSON list."""
    if text.strip().startswith("["):
        try:
            return [str(name).strip() for name in orjson.loads(text)]
        except orjson.JSONDecodeError:
            return [text.strip()]
    return [name.strip() for name in _PARTS.split(text) if name.strip()]


def _problem(event_type: str, dimensions: Iterable[str], names: Mapping[str, str]) -> tuple[str, str] | None:
    """Field and reason of the first problem; `names` are the dimensions so far by their case-folded names."""
    if not event_type:
        return "event_type", "event_type is missing"
    if len(event_type) > MAX_ID_LENGTH or _CONTROL.search(event_type):
        return "event_type", f"event_type has control characters or more than {MAX_ID_LENGTH} characters"
    own_names: dict[str, str] = {}
    for name in dimensions:
        twin = names.get(name.casefold(), own_names.setdefault(name.casefold(), name))
        if not _DIMENSION.fullmatch(name):
            return "dimensions", f"{name[:100]!r} cannot name a dimension: use letters, digits, '_', '.', '-'"
        if twin != name:
            return "dimensions", f"{name!r} differs from {twin!r} only in case"
    return None


def keep_catalog(session: AnySession, entries: Iterable[Entry]) -> list[str]:
    """Add the entries to the catalog; returns the event types that are new."""
    new = []
    for entry in entries:
        row = session.get(EventCatalog, entry.event_type)
        if row is None:
            new.append(entry.event_type)
            session.add(
                EventCatalog(event_type=entry.event_type, description=entry.description, dimensions=[*entry.dimensions])
            )
            continue
        row.description = entry.description or row.description
        row.dimensions = list(dict.fromkeys((*row.dimensions, *entry.dimensions)))
    session.flush()
    return new


def known_dimensions(session: AnySession) -> list[str]:
    """The dimensions of all event types, sorted, each once."""
    return sorted({name for names in session.scalars(sa.select(EventCatalog.dimensions)) for name in names})
