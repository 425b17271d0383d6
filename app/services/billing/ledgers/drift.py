"""The differences between a ledger and a config's patch, record by record: missing, extra and changed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from itertools import chain

from app.services.billing.ledgers.exports import records_of
from app.services.billing.ledgers.reading import Fields, member
from app.services.billing.ledgers.rendering import KeyOf, Ledger, Resource, Scope
from app.services.billing.ledgers.terms import Terms
from app.services.billing.ledgers.texts import plain
from simulation.canonical import Json, canonical_text, number_text

READABLE_EXPONENT = 40


@dataclass(frozen=True)
class Difference:
    """A difference: `kind` is missing, extra or changed; `id` is the ledger's own, where it has one.

    `field`, `expected` (by the patch) and `found` (in the ledger) are those of a change, numbers written plainly.
    """

    kind: str
    resource: str
    key: str | None
    id: str | None
    field: str | None = None
    expected: str | None = None
    found: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        return asdict(self)


@dataclass(frozen=True)
class Drift:
    """All differences in the ledger's order of resources, and how many exported records bill for something else."""

    differences: tuple[Difference, ...]
    ignored: int


Keyed = list[tuple[str | None, Fields]]
"""Records, each with our key for it; None: not of ours."""


def drift(ledger: Ledger, terms: Terms, export: Json) -> Drift:
    """Compare an export with the rendering of the terms; exact, numbers by value (`10` equals `10.00`).

    Raises Conflict as rendering does, and Invalid (422) for an export that is none or not whole.
    """
    expected, expected_key = _keyed(ledger, _bodies(ledger, terms))
    exported, exported_key = _keyed(ledger, records_of(ledger, export))
    scope = Scope(
        ledger.mark(terms), {name: frozenset(key for key, _ in rows if key) for name, rows in expected.items()}
    )
    differences: list[Difference] = []
    ignored = 0
    for resource in ledger.resources:
        matches, unmatched = _matched(expected[resource.name], exported[resource.name])
        for key, body, record in matches:
            differences += _compared(resource, key, (body, expected_key), (record, exported_key))
        for key, record in unmatched:
            if key in scope.keys[resource.name] or resource.ours(record, exported_key, scope):
                differences.append(Difference("extra", resource.name, key, _id(resource, record)))
            else:
                ignored += 1
    return Drift(tuple(differences), ignored)


def _bodies(ledger: Ledger, terms: Terms) -> dict[str, list[Fields]]:
    bodies: dict[str, list[Fields]] = {name: [] for name in (*ledger.listed, *ledger.listed_with_plans)}
    for record in ledger.records(terms):
        bodies[record.resource].append(record.body)
    return bodies


def _keyed(ledger: Ledger, listed: Mapping[str, Iterable[Fields]]) -> tuple[dict[str, Keyed], KeyOf]:
    """The live records by resource with our keys, and the function that finds the key of a record referred to."""
    ids: dict[tuple[str, str], str] = {}

    def key_of(resource: str, value: Json) -> Json:
        if isinstance(reference := member(value, "$ref"), str):
            return reference.partition("/")[2]
        identifier = member(value, "id") if isinstance(value, Mapping) else value
        return ids.get((resource, identifier), identifier) if isinstance(identifier, str) else identifier

    resources = {resource.name: resource for resource in ledger.resources}
    rows: dict[str, Keyed] = {name: [] for name in resources}
    for name, records in listed.items():
        for kind, record in chain.from_iterable(ledger.unfold(name, each) for each in records):
            resource = resources[kind]
            if not resource.live(record):
                continue
            value = resource.key(record, key_of)
            key = value if isinstance(value, str) else None
            rows[kind].append((key, record))
            if key is not None and (identifier := _id(resource, record)) is not None:
                ids[kind, identifier] = key
    return rows, key_of


def _matched(expected: Keyed, exported: Keyed) -> tuple[list[tuple[str | None, Fields, Fields | None]], Keyed]:
    """(key, body, exported record or None) for each expected record, and the exported ones that match none.

    Of several exported records with one key the first matches.
    """
    first: dict[str, Fields] = {}
    unmatched: Keyed = []
    expected_keys = {key for key, _ in expected}
    for key, record in exported:
        if key is None or key not in expected_keys or key in first:
            unmatched.append((key, record))
        else:
            first[key] = record
    return [(key, body, first.get(key or "")) for key, body in expected], unmatched


def _compared(
    resource: Resource, key: str | None, expected: tuple[Fields, KeyOf], exported: tuple[Fields | None, KeyOf]
) -> Iterator[Difference]:
    """The differences of an expected record from the exported one, each with the function for its references."""
    record, exported_key = exported
    if record is None:
        yield Difference("missing", resource.name, key, None)
        return
    before, after = resource.view(*expected), resource.view(record, exported_key)
    for field in sorted(before.keys() | after.keys()):
        old, new = before.get(field), after.get(field)
        if not _same(old, new):
            yield Difference("changed", resource.name, key, _id(resource, record), field, _shown(old), _shown(new))


def _same(expected: Json, exported: Json) -> bool:
    """Whether two values are equal; a flag and a number never are, although Python says so of True and 1."""
    return isinstance(expected, bool) == isinstance(exported, bool) and bool(expected == exported)


def _id(resource: Resource, record: Fields) -> str | None:
    identifier = record.get(resource.id_field)
    return identifier if isinstance(identifier, str) else None


def _shown(value: Json) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return plain(value) if abs(value.adjusted()) <= READABLE_EXPONENT else number_text(value)
    return canonical_text(value)
