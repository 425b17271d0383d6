"""Value units frozen for good, as the API takes and gives them (spec 1 and 6)."""

from marshmallow import fields, validate

from api.schemas.common import Answered, Body, Identifier, Moment, PageQuery, Shaped
from api.shapes.decided import FrozenUnit


class ValueUnitSnapshotBody(Body):
    """Submits all units of a cycle as its next snapshot version."""

    value_unit_snapshot_id = Identifier()
    cycle_id = Identifier(required=True)


class ValueUnitSnapshot(Answered):
    """Frozen value units; never changed again."""

    value_unit_snapshot_id = Identifier()
    workspace_id = Identifier()
    cycle_id = Identifier()
    snapshot_version = fields.Integer()
    value_unit_ids = fields.List(fields.String())
    value_units = Shaped(list[FrozenUnit], metadata={"description": "The definitions as frozen."})
    created_at = Moment()


class ValueUnitSnapshotQuery(PageQuery):
    workspace_id = Identifier()
    cycle_id = Identifier()
    snapshot_version = fields.Integer(validate=validate.Range(min=1, max=2**31 - 1))
