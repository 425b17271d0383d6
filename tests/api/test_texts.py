"""Every text that a request may hold passes one rule, whatever resource it belongs to (spec 1)."""

from collections.abc import Iterator

import pytest
from marshmallow import Schema, ValidationError, fields

from api.register import OPERATIONS
from api.schemas.common import Body
from app.models.base import db
from app.models.workspace import Workspace
from simulation.canonical import Json
from tests import factories
from tests.api.conftest import Api

HOSTILE = ("a\u202eb", "a\nb\x1b", "a\x85b", "\u2066a")
KEPT_AS_IT_CAME = {"CycleDraftContextBody.pasted_text", "WithdrawalBody.event_ids"}
"""A text from elsewhere, and ids of events that may be older than the rule: both are named, not shown as names."""


def texts(schema: Schema, path: str) -> Iterator[tuple[str, fields.String]]:
    """(place, field) of every text below a schema, lists and embedded objects taken apart."""
    for name, field in schema.fields.items():
        yield from _leaves(field, f"{path}.{name}")


def _leaves(field: fields.Field[Json], path: str) -> Iterator[tuple[str, fields.String]]:
    if isinstance(field, fields.List):
        yield from _leaves(field.inner, path)
    elif isinstance(field, fields.Nested):
        yield from texts(field.schema, path)
    elif isinstance(field, fields.String):
        yield path, field


def _bodies() -> Iterator[Body]:
    from api.catalogs import CATALOGS
    from api.schemas.enforcement import EnforcementEventBody

    yield from (operation.body for operation in OPERATIONS if isinstance(operation.body, Body))
    yield from (catalog.body for catalog in CATALOGS)
    yield EnforcementEventBody()


TEXTS = dict(pair for body in _bodies() for pair in texts(body, type(body).__name__))


@pytest.mark.parametrize("place", sorted(TEXTS))
@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_request_hides_what_it_says(place: str, text: str) -> None:
    if place in KEPT_AS_IT_CAME:
        return
    with pytest.raises(ValidationError):
        TEXTS[place].deserialize(text)


def test_the_refusal_names_the_field_and_the_character(sqlite_api: Api) -> None:
    body = {"workspace_name": "Acme\u202ecme", "operator_role": "founder"}
    error = sqlite_api.post("/api/workspaces", body, 422).json["errors"][0]
    assert error["pointer"] == "/workspace_name"
    assert error["detail"] == (
        "Holds U+202E RIGHT-TO-LEFT OVERRIDE, and no text may have control or direction characters: take it out."
    )
    assert db.session.query(Workspace).count() == 0


def test_the_operators_name_in_a_header_passes_the_same_rule(sqlite_api: Api) -> None:
    factories.workspace(db.session)
    db.session.commit()
    change = {"workspace_name": "Acme"}
    refusal = sqlite_api.patch(f"/api/workspaces/{factories.WORKSPACE}", change, 400, X_Operator="\x85Ann")
    assert refusal.json["errors"][0]["pointer"] == "X-Operator"
    sqlite_api.patch(f"/api/workspaces/{factories.WORKSPACE}", change, X_Operator="Zo\xeb")
