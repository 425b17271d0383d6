"""Render a billing patch for a ledger: the records to create, in order, and what the ledger cannot express."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from app.services.billing.ledgers.gaps import Gap, common_gaps
from app.services.billing.ledgers.reading import Fields, member
from app.services.billing.ledgers.terms import PERIOD_DAYS, Pool, Terms, Unit
from app.services.billing.ledgers.texts import fitted, plain
from simulation.canonical import Json, JsonObject

KEY_LIMIT = 255  # Stripe's longest idempotency key
KeyOf = Callable[[str, Json], Json]
"""`key_of("meters", value)`: our key of a record that another one refers to, by the ledger's id or by `ref`."""


@dataclass(frozen=True)
class Record:
    """A request that creates something; `key` is derived from our ids and equal for every patch of the subject.

    `then` is a request that follows once the ledger has given the record its id.
    """

    resource: str
    key: str
    path: str
    body: Fields
    then: str | None = None


def ref(resource: str, key: str) -> dict[str, str]:
    """A placeholder for the id that the ledger gives to another record of the rendering."""
    return {"$ref": f"{resource}/{key}"}


@dataclass(frozen=True)
class Scope:
    """The keys that a rendering expects, by resource, and the mark of its subject."""

    mark: str
    keys: Mapping[str, frozenset[str]]


def _never(_record: Fields, _key_of: KeyOf, _scope: Scope) -> bool:
    return False


def _always(_record: Fields) -> bool:
    return True


@dataclass(frozen=True)
class Resource:
    """How records of one kind are read back, from a rendering's body or from the ledger's own export.

    `key` gives ours (None: not of ours). `view` gives the compared fields, numbers as Decimal and what is not set as
    None or absent. `live` leaves out what was archived. `ours` says whether a record that the rendering does not
    expect bills for its subject all the same.
    """

    name: str
    key: Callable[[Fields, KeyOf], Json]
    view: Callable[[Fields, KeyOf], JsonObject]
    live: Callable[[Fields], bool] = _always
    ours: Callable[[Fields, KeyOf, Scope], bool] = _never
    id_field: str = "id"


def key_at(*path: str) -> Callable[[Fields, KeyOf], Json]:
    """A `Resource.key` for records that carry our key in the member at a path."""
    return lambda record, _key_of: member(record, *path)


def view_of(*names: str) -> Callable[[Fields, KeyOf], JsonObject]:
    """A `Resource.view` of members that are compared as they are."""
    return lambda record, _key_of: {name: record.get(name) for name in names}


def in_our_plan(record: Fields, _key_of: KeyOf, scope: Scope) -> bool:
    """A `Resource.ours` for parts of a plan, to which `unfold` gave the plan's key."""
    plan = record.get("plan")
    return isinstance(plan, str) and plan in scope.keys["plans"]


def of_our_subject(record: Fields, _key_of: KeyOf, scope: Scope) -> bool:
    """A `Resource.ours` for plans of single customers, which name their subject."""
    return bool(member(record, "metadata", "avs_subject") == scope.mark)


def plan_metadata(terms: Terms, mark: str) -> dict[str, str]:
    """The metadata of a plan, which lead from the ledger back to the patch; one customer's names the subject, too."""
    metadata = {"avs_billing_patch_id": terms.billing_patch_id, "avs_price_book_ref": terms.price_book_ref or ""}
    return metadata if terms.customer_id is None else {**metadata, "avs_subject": mark}


def _itself(resource: str, record: Fields) -> Iterable[tuple[str, Fields]]:
    yield resource, record


@dataclass(frozen=True)
class Ledger:
    """A ledger: its name here and for people, the API it speaks, and the pure functions that render and read it.

    `listed` are the members of an export, `listed_with_plans` those that only price plans need. `unfold` cuts what a
    record holds within itself (a plan's prices) out of it.
    """

    name: str
    title: str
    api: str
    idempotency_header: str | None
    records: Callable[[Terms], Iterable[Record]]
    gaps: Callable[[Terms], Iterable[Gap]]
    mark: Callable[[Terms], str]
    listed: tuple[str, ...]
    resources: tuple[Resource, ...]
    unfold: Callable[[str, Fields], Iterable[tuple[str, Fields]]] = _itself
    listed_with_plans: tuple[str, ...] = ()


def render(ledger: Ledger, terms: Terms) -> JsonObject:
    """The whole rendering as plain JSON values; a pure function of the terms, so a patch has one sequence of bytes.

    Raises Conflict `ledger_cannot_express` rather than bill another amount than the config says.
    """
    return {
        "ledger": ledger.name,
        "api": ledger.api,
        "idempotency_header": ledger.idempotency_header,
        "billing_patch_id": terms.billing_patch_id,
        "config_version_id": terms.config_version_id,
        "price_book_ref": terms.price_book_ref,
        "effective_at": terms.effective_at,
        "subject_resolution": dict(terms.subject),
        "period_days": PERIOD_DAYS,
        "records": [_record(terms, record) for record in ledger.records(terms)],
        "pools": [_pool(unit, pool) for unit in terms.units for pool in unit.pools],
        "not_expressed": [gap.as_dict() for gap in (*common_gaps(ledger.title, terms), *ledger.gaps(terms))],
    }


def _record(terms: Terms, record: Record) -> JsonObject:
    return {
        "resource": record.resource,
        "key": record.key,
        "idempotency_key": fitted(
            f"{terms.billing_patch_id}/{record.resource}/{record.key}", KEY_LIMIT, r"A-Za-z0-9_./:@+~-"
        ),
        "method": "POST",
        "path": record.path,
        "body": record.body,
        "then": record.then,
    }


def _pool(unit: Unit, pool: Pool) -> JsonObject:
    return {
        "pool_id": pool.pool_id,
        "label": pool.label,
        "value_unit_id": unit.value_unit_id,
        "meter_id": unit.meter_id,
        "included_quantity": plain(pool.included_quantity),
        "counted": pool.counted,
        "price_per_unit_usd": None if unit.schedule else plain(unit.price),
    }
