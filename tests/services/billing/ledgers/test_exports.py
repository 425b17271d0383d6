"""What counts as a ledger's export: the API's own lists, whole, or words about what is missing."""

import pytest

from app.errors import Invalid
from app.services.billing.ledgers.drift import drift
from app.services.billing.ledgers.exports import records_of
from app.services.billing.ledgers.registry import ledger_named
from app.services.billing.ledgers.rendering import Ledger, render
from simulation.canonical import Json, JsonObject
from tests.services.billing.ledgers import examples

STRIPE, METRONOME, OPENMETER, LAGO = map(ledger_named, ("stripe", "metronome", "openmeter", "lago"))
EMPTY: JsonObject = {"meters": [], "products": [], "prices": []}


def test_pages_of_a_list_are_read_as_one() -> None:
    pages = [{"data": [{"id": "a"}], "has_more": True}, {"data": [{"id": "b"}], "has_more": False}]
    assert [record["id"] for record in records_of(STRIPE, EMPTY | {"prices": pages})["prices"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("ledger", "name", "page"),
    [
        (STRIPE, "prices", {"data": [], "has_more": True}),
        (METRONOME, "rates", {"data": [], "next_page": "abc"}),
        (ledger_named("orb"), "plans", {"data": [], "pagination_metadata": {"has_more": True}}),
        (OPENMETER, "plans", {"items": [{}], "totalCount": 2}),
        (LAGO, "plans", {"plans": [], "meta": {"next_page": 2}}),
    ],
)
def test_a_list_with_further_pages_is_refused(ledger: Ledger, name: str, page: JsonObject) -> None:
    with pytest.raises(Invalid, match=f"{name} has further pages"):
        records_of(ledger, {each: [] for each in ledger.listed} | {name: page})


def test_each_absent_list_is_named_with_its_pointer() -> None:
    with pytest.raises(Invalid) as refusal:
        records_of(STRIPE, {"meters": []})
    assert [error.pointer for error in refusal.value.errors] == ["/products", "/prices"]


@pytest.mark.parametrize("export", [[], "x", 3, None])
def test_an_export_that_is_no_object_is_refused(export: Json) -> None:
    with pytest.raises(Invalid, match="JSON object with meters, products, prices"):
        records_of(STRIPE, export)


@pytest.mark.parametrize("value", ["x", 3, {"data": 4}, ["x"]])
def test_a_list_that_is_none_is_refused(value: Json) -> None:
    with pytest.raises(Invalid, match="prices"):
        records_of(STRIPE, EMPTY | {"prices": value})


def test_the_rendering_of_another_ledger_is_no_export() -> None:
    terms = examples.sub_cent()
    with pytest.raises(Invalid, match="There is no 'products'"):
        drift(STRIPE, terms, render(OPENMETER, terms))
