"""What holds for every patch and every ledger: the same bytes, nothing dropped, no false alarm and no missed one."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import Invalid
from app.services.billing.ledgers.drift import drift
from app.services.billing.ledgers.registry import LEDGERS, NAMES
from app.services.billing.ledgers.rendering import Ledger, render
from app.services.billing.ledgers.terms import Terms
from simulation.canonical import Json, canonical_bytes, parse_exact
from tests.present import present
from tests.services.billing.ledgers import examples
from tests.services.billing.ledgers.answers import export_of

every_ledger = pytest.mark.parametrize("ledger", LEDGERS, ids=NAMES)
bounded = settings(max_examples=60, deadline=None)
IN_CENTS = ("stripe", "metronome")
PRICES = ("unit_amount_decimal", "unit_amount", "price", "amount", "per_unit_amount")


def numbers_called(value: Json, names: tuple[str, ...]) -> set[Decimal]:
    """All numbers that a body holds under these names, however deep."""
    if isinstance(value, list):
        return {number for item in value for number in numbers_called(item, names)}
    if not isinstance(value, dict):
        return set()
    here = {Decimal(v) for k, v in value.items() if k in names and isinstance(v, str | int | Decimal)}
    return here.union(*(numbers_called(item, names) for item in value.values()))


def as_listed(ledger: Ledger, terms: Terms) -> Json:
    """The ledger's export as it is read from a file."""
    return parse_exact(canonical_bytes(export_of(ledger, terms)))


@every_ledger
@bounded
@given(terms=examples.some_terms())
def test_a_rendering_is_the_same_bytes_each_time(ledger: Ledger, terms: Terms) -> None:
    assert canonical_bytes(render(ledger, terms)) == canonical_bytes(render(ledger, terms))


@every_ledger
@bounded
@given(terms=examples.some_terms())
def test_every_pool_is_in_every_rendering(ledger: Ledger, terms: Terms) -> None:
    shown = {(pool["pool_id"], Decimal(pool["included_quantity"])) for pool in render(ledger, terms)["pools"]}
    assert shown == {(pool.pool_id, pool.included_quantity) for unit in terms.units for pool in unit.pools}


@every_ledger
@bounded
@given(terms=examples.some_terms())
def test_every_price_is_in_every_rendering_to_the_last_digit(ledger: Ledger, terms: Terms) -> None:
    records = parse_exact(canonical_bytes(render(ledger, terms)))["records"]
    found = numbers_called([record["body"] for record in records], PRICES)
    factor = 100 if ledger.name in IN_CENTS else 1
    assert {unit.price * factor for unit in terms.units} <= found


@every_ledger
@bounded
@given(terms=examples.some_terms())
def test_every_allowance_is_in_every_rendering(ledger: Ledger, terms: Terms) -> None:
    records = parse_exact(canonical_bytes(render(ledger, terms)))["records"]
    found = numbers_called(
        [record["body"] for record in records], ("up_to", "size", "last_unit", "quantity", "to_value")
    )
    assert {unit.included for unit in terms.units} - {Decimal(0)} == found - {Decimal("Infinity")}


@every_ledger
@bounded
@given(terms=examples.some_terms())
def test_no_two_records_of_a_rendering_share_a_key(ledger: Ledger, terms: Terms) -> None:
    keys = [(record["resource"], record["key"]) for record in render(ledger, terms)["records"]]
    idempotency_keys = [record["idempotency_key"] for record in render(ledger, terms)["records"]]
    assert len(set(keys)) == len(keys) == len(set(idempotency_keys))


@every_ledger
@bounded
@given(terms=examples.some_terms())
def test_a_ledger_that_took_the_rendering_is_in_step(ledger: Ledger, terms: Terms) -> None:
    assert drift(ledger, terms, as_listed(ledger, terms)).differences == ()


@every_ledger
@bounded
@given(terms=examples.some_terms())
def test_a_rendering_is_in_step_with_itself(ledger: Ledger, terms: Terms) -> None:
    assert drift(ledger, terms, parse_exact(canonical_bytes(render(ledger, terms)))).differences == ()


@every_ledger
@bounded
@given(terms=examples.some_terms(), data=st.data())
def test_one_changed_price_is_one_line_of_drift(ledger: Ledger, terms: Terms, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(terms.units) - 1))
    price = data.draw(examples.PRICES.filter(lambda price: price != terms.units[index].price))
    (line,) = drift(ledger, examples.with_price(terms, index, price), as_listed(ledger, terms)).differences
    factor = 100 if ledger.name in IN_CENTS else 1
    assert line.kind == "changed"
    assert Decimal(present(line.expected)) == price * factor
    assert Decimal(present(line.found)) == terms.units[index].price * factor


@every_ledger
@bounded
@given(terms=examples.some_terms(), data=st.data())
def test_a_record_that_is_not_listed_is_missing(ledger: Ledger, terms: Terms, data: st.DataObject) -> None:
    rendering = parse_exact(canonical_bytes(render(ledger, terms)))
    gone = rendering["records"].pop(data.draw(st.integers(0, len(rendering["records"]) - 1)))
    missing = [line for line in drift(ledger, terms, rendering).differences if line.kind == "missing"]
    assert (missing[0].resource, missing[0].key) == (gone["resource"], gone["key"])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["x", "NaN", "1e999999"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@every_ledger
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_shape_of_an_export_is_a_crash(ledger: Ledger, data: st.DataObject) -> None:
    """Every value of a listed record may be anything: the answer is a drift or a refusal in words."""
    terms = examples.sub_cent()
    export = as_listed(ledger, terms)
    where: Json = export
    while isinstance(where, dict | list) and where:
        key = data.draw(st.sampled_from(sorted(where) if isinstance(where, dict) else range(len(where))))
        if not isinstance(where[key], dict | list) or not where[key] or data.draw(st.integers(0, 4)) == 0:
            where[key] = data.draw(JSON)
            break
        where = where[key]
    with suppress(Invalid):
        drift(ledger, terms, export)
