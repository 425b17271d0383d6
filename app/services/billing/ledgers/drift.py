"""What a ledger has that differs from what a config's patch says: missing, extra and changed, record by record."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from itertools import chain
from typing import Any

from app.services.billing.ledgers.exports import records_of
from app.services.billing.ledgers.reading import member
from app.services.billing.ledgers.rendering import Json, Ledger, Names, Resource, Scope
from app.services.billing.ledgers.terms import Terms
from app.services.billing.ledgers.texts import plain
from simulation.canonical import canonical_text, number_text

READABLE_EXPONENT = 40


@dataclass(frozen=True)
class Difference:
    """One line: `kind` is missing, extra or changed; `id` is the ledger's own, where it has one.

    `field`, `expected` and `found` are those of a change, numbers written plainly.
    """

    kind: str
    resource: str
    key: str | None
    id: str | None
    field: str | None = None
    expected: str | None = None
    found: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Drift:
    """All differences in the ledger's order of resources, and how many exported records bill for something else."""

    differences: tuple[Difference, ...]
    ignored: int


Found = list[tuple[str | None, Json]]


def drift(ledger: Ledger, terms: Terms, export: Any) -> Drift:
    """Compare an export with what the terms render to; exact, numbers by value (`10` equals `10.00`).

    Raises what rendering raises, and Invalid (422) for an export that is none or not whole.
    """
    expected, names = _keyed(ledger, _bodies(ledger, terms))
    found, found_names = _keyed(ledger, records_of(ledger, export))
    scope = Scope(
        ledger.mark(terms), {name: frozenset(key for key, _ in rows if key) for name, rows in expected.items()}
    )
    differences: list[Difference] = []
    ignored = 0
    for resource in ledger.resources:
        known, strangers = _matched(resource, expected[resource.name], found[resource.name])
        for key, body, record in known:
            differences += _compared(resource, key, body, record, names, found_names)
        for key, record in strangers:
            if key in scope.keys[resource.name] or resource.ours(record, found_names, scope):
                differences.append(Difference("extra", resource.name, key, _id(resource, record)))
            else:
                ignored += 1
    return Drift(tuple(differences), ignored)


def _bodies(ledger: Ledger, terms: Terms) -> dict[str, list[Json]]:
    bodies: dict[str, list[Json]] = {name: [] for name in ledger.listed}
    for record in ledger.records(terms):
        bodies[record.resource].append(record.body)
    return bodies


def _keyed(ledger: Ledger, listed: Mapping[str, Iterable[Json]]) -> tuple[dict[str, Found], Names]:
    """Live records by resource with our keys, and the function that names what one record says of another."""
    ids: dict[tuple[str, str], str] = {}

    def names(resource: str, value: Any) -> Any:
        if isinstance(reference := member(value, "$ref"), str):
            return reference.partition("/")[2]
        identifier = member(value, "id") if isinstance(value, Mapping) else value
        return ids.get((resource, identifier), identifier) if isinstance(identifier, str) else identifier

    resources = {resource.name: resource for resource in ledger.resources}
    rows: dict[str, Found] = {name: [] for name in resources}
    for name, records in listed.items():
        for kind, record in chain.from_iterable(ledger.unfold(name, each) for each in records):
            resource = resources[kind]
            if not resource.live(record):
                continue
            key = resource.key(record, names)
            key = key if isinstance(key, str) else None
            rows[kind].append((key, record))
            if key is not None and (identifier := _id(resource, record)) is not None:
                ids[kind, identifier] = key
    return rows, names


def _matched(
    resource: Resource, expected: Found, found: Found
) -> tuple[list[tuple[str | None, Json, Json | None]], Found]:
    """(key, expected, found or None) for each expected record, and the found ones that none of them is."""
    first: dict[str, Json] = {}
    strangers: Found = []
    wanted = {key for key, _ in expected}
    for key, record in found:
        if key is None or key not in wanted or key in first:
            strangers.append((key, record))
        else:
            first[key] = record
    return [(key, body, first.get(key or "")) for key, body in expected], strangers


def _compared(
    resource: Resource, key: str | None, body: Json, record: Json | None, names: Names, found_names: Names
) -> Iterator[Difference]:
    if record is None:
        yield Difference("missing", resource.name, key, None)
        return
    wanted, given = resource.view(body, names), resource.view(record, found_names)
    for field in sorted(wanted.keys() | given.keys()):
        expected, found = wanted.get(field), given.get(field)
        if not _same(expected, found):
            yield Difference(
                "changed", resource.name, key, _id(resource, record), field, _shown(expected), _shown(found)
            )


def _same(expected: Any, found: Any) -> bool:
    """True is no 1 here: a flag and a number are never the same."""
    return isinstance(expected, bool) == isinstance(found, bool) and bool(expected == found)


def _id(resource: Resource, record: Json) -> str | None:
    identifier = record.get(resource.id_field)
    return identifier if isinstance(identifier, str) else None


def _shown(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return plain(value) if abs(value.adjusted()) <= READABLE_EXPONENT else number_text(value)
    return canonical_text(value)
