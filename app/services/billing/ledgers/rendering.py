"""The shape of a rendering: what to create in a ledger, in order, and what the ledger has no word for."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.services.billing.ledgers.gaps import Gap, common_gaps
from app.services.billing.ledgers.terms import PERIOD_DAYS, Pool, Terms, Unit
from app.services.billing.ledgers.texts import fitted, plain

KEY_LIMIT = 255  # Stripe's longest idempotency key
Json = Mapping[str, Any]
Names = Callable[[str, Any], Any]
"""`names("meters", value)`: our key of a record that another one refers to, by the ledger's id or by `ref`."""


@dataclass(frozen=True)
class Record:
    """One creating request; `key` is derived from our ids, the same for every patch of the subject.

    `then` is a request that follows once the ledger has given the record its id.
    """

    resource: str
    key: str
    path: str
    body: Json
    then: str | None = None


def ref(resource: str, key: str) -> dict[str, str]:
    """Stands for the id that the ledger gives to another record of the rendering."""
    return {"$ref": f"{resource}/{key}"}


def _never(_record: Json, _names: Names, _scope: "Scope") -> bool:
    return False


def _always(_record: Json) -> bool:
    return True


@dataclass(frozen=True)
class Scope:
    """The keys that a rendering expects, by resource, and the mark of its subject."""

    mark: str
    keys: Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Resource:
    """How records of one kind are read back, from a rendering's body or from the ledger's own export.

    `key` finds ours (None: not of ours). `view` gives the compared fields, numbers as Decimal and what is not set as
    None or absent. `live` leaves out what was archived. `ours` says whether a record that the rendering does not
    expect bills for its subject all the same.
    """

    name: str
    key: Callable[[Json, Names], str | None]
    view: Callable[[Json, Names], dict[str, Any]]
    live: Callable[[Json], bool] = _always
    ours: Callable[[Json, Names, Scope], bool] = _never
    id_field: str = "id"


def _itself(resource: str, record: Json) -> Iterable[tuple[str, Json]]:
    yield resource, record


@dataclass(frozen=True)
class Ledger:
    """A ledger: its name here and for people, the API it speaks, and the pure functions that render and read it.

    `listed` are the members of an export; `unfold` cuts what a record holds within itself (a plan's prices) out of it.
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
    unfold: Callable[[str, Json], Iterable[tuple[str, Json]]] = _itself


def render(ledger: Ledger, terms: Terms) -> dict[str, Any]:
    """The whole rendering as plain JSON values; a pure function of the terms, so the same bytes for the same patch.

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


def _record(terms: Terms, record: Record) -> dict[str, Any]:
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


def _pool(unit: Unit, pool: Pool) -> dict[str, Any]:
    return {
        "pool_id": pool.pool_id,
        "label": pool.label,
        "value_unit_id": unit.value_unit_id,
        "meter_id": unit.meter_id,
        "included_quantity": plain(pool.included_quantity),
        "counted": pool.counted,
        "price_per_unit_usd": plain(unit.price),
    }
