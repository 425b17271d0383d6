"""Ids that others make are taken as they are; what usage takes, every door takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from api.schemas.common import GivenId
from app.services.usage.formats import Rows
from app.services.usage.validate import validate
from rules.ids import is_given_id
from simulation.canonical import Json
from tests.services.usage.conftest import POLICY, event


@pytest.mark.parametrize("text", ["auth0|64fe1b2c", "Acme Inc", "Café", " ", "a/b", "x" * 200, "\U0001f600"])
def test_customers_are_named_as_their_systems_like(text: str) -> None:
    assert is_given_id(text)


@pytest.mark.parametrize(
    "text", ["", "x" * 201, "a\nb", "a\tb", "\x00", "\x7f", "\x85", "a\u2028", "\u202eb", "\ud800"]
)
def test_what_breaks_lines_or_databases_is_no_id(text: str) -> None:
    assert not is_given_id(text)


@given(
    st.text(st.characters(), max_size=5)
    | st.sampled_from(["x" * 200, "x" * 201, "é" * 200, "\ud83d", "a\x7f", "a\x85", "\u202ea", "a\u2066", "é—\u061c"])
)
def test_usage_and_the_api_take_the_same_ids(text: str) -> None:
    assert _usage_takes(text) == _api_takes(text) == is_given_id(text)


def _usage_takes(text: Json) -> bool:
    return not validate(Rows.counted([event("e", customer_id=text)]), POLICY).rejects


def _api_takes(text: Json) -> bool:
    try:
        GivenId().deserialize(text)
    except ValidationError:
        return False
    return True
