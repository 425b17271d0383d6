"""/api/value-units: what counts as value, what it costs and what it sells for (spec 6)."""

import sqlalchemy as sa

from api.blueprint import operation
from api.pagination import filtered, page
from api.resource import Answer, created, deleted, once, require_match, tagged, writing
from api.schemas import authoring as schemas
from api.schemas.common import Document, Parsed, page_of
from app.identity import acting
from app.models.base import AnySession, db
from app.models.cycle import Cycle
from app.models.value_unit import ValueUnitDefinition
from app.services.authoring import value_units
from app.services.authoring.inputs import ValueUnitInput
from app.services.configs.reading import definition_value
from app.services.lookup import get
from rules.value_units import value_unit_completeness

TAG = "Value units"
KIND = "value unit"
ONE = "/value-units/<value_unit_id>"
FILTERS = {
    "workspace_id": Cycle.workspace_id,
    "cycle_id": ValueUnitDefinition.cycle_id,
    "unit_type": ValueUnitDefinition.unit_type,
    "completeness_status": ValueUnitDefinition.completeness_status,
}


def own(row: ValueUnitDefinition) -> Document:
    """The stored fields, which the ETag covers."""
    return schemas.ValueUnit(exclude=("completeness",)).document(row)


def document(row: ValueUnitDefinition) -> Document:
    """The value unit as every answer shows it, with what it still lacks."""
    completeness = value_unit_completeness(definition_value(row))
    return own(row) | {"completeness": {"status": completeness.status.value, "missing": completeness.missing}}


@operation(
    "GET",
    "/value-units",
    tag=TAG,
    summary="List value units",
    query=schemas.ValueUnitQuery(),
    answers={200: page_of(schemas.ValueUnit)},
)
def list_value_units(query: Parsed) -> Answer:
    """Newest first."""
    rows = filtered(
        sa.select(ValueUnitDefinition).join(Cycle, Cycle.cycle_id == ValueUnitDefinition.cycle_id), query, FILTERS
    )
    return page(
        rows, (ValueUnitDefinition.created_at, ValueUnitDefinition.value_unit_id), query, document, newest_first=True
    )


@operation(
    "POST",
    "/value-units",
    tag=TAG,
    summary="Create a value unit",
    body=schemas.ValueUnitBody(),
    answers={201: schemas.ValueUnit},
    idempotent=True,
)
def create_value_unit(body: ValueUnitInput) -> Answer:
    """It may be incomplete; completeness says what is missing."""

    def build(session: AnySession) -> Answer:
        row = value_units.create_value_unit(session, body, **acting())
        return created("get_value_unit", document(row), value_unit_id=row.value_unit_id)

    return once(build)


@operation("GET", ONE, tag=TAG, summary="Read a value unit", answers={200: schemas.ValueUnit}, conditional=True)
def get_value_unit(value_unit_id: str) -> Answer:
    return tagged(document(get(db.session, ValueUnitDefinition, value_unit_id, KIND)))


@operation(
    "PATCH",
    ONE,
    tag=TAG,
    summary="Change a value unit",
    body=schemas.ValueUnitBody(partial=True, exclude=("value_unit_id",)),
    answers={200: schemas.ValueUnit},
    conditional=True,
)
def update_value_unit(value_unit_id: str, body: ValueUnitInput) -> Answer:
    """Embedded objects are replaced whole. Snapshots that were submitted keep what they froze."""
    with writing() as session:
        require_match(own(value_units.locked_unit(session, value_unit_id)))
        return tagged(document(value_units.update_value_unit(session, value_unit_id, body, **acting())))


@operation(
    "DELETE", ONE, tag=TAG, summary="Delete a value unit that no pool counts", answers={204: None}, conditional=True
)
def delete_value_unit(value_unit_id: str) -> Answer:
    with writing() as session:
        require_match(own(value_units.locked_unit(session, value_unit_id)))
        value_units.delete_value_unit(session, value_unit_id, **acting())
        return deleted()


OPERATIONS = (list_value_units, create_value_unit, get_value_unit, update_value_unit, delete_value_unit)
