"""Schema classes of refusals: problem details (RFC 9457), and the findings of rules that they and decisions carry."""

from marshmallow import Schema, fields

from api.schemas.common import Answered, choice
from api.shapes.named import named
from rules.finding import Gate


class FindingAnswer(Answered):
    """One finding of a rule (spec 3)."""

    code = fields.String()
    gate = choice(named("Gate", tuple(Gate), "The step that a finding holds back; advisory holds back none."))
    message = fields.String()
    field = fields.String()
    entity = fields.Nested(lambda: FindingEntity())
    deep_link = fields.String()


class FindingEntity(Answered):
    """The record that a finding is about; `id` is null while the record has not been made."""

    type = fields.String()
    id = fields.String(allow_none=True)


class Problem(Schema):
    """RFC 9457 problem details; refusals by a gate add `findings`, damaged usage its `files`."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True)
    errors = fields.List(fields.Nested(lambda: ProblemField()))
    findings = fields.List(fields.Nested(FindingAnswer))
    files = fields.List(fields.Nested(lambda: DamagedFile()))
    request_id = fields.String(metadata={"description": "The X-Request-Id of the answer, to ask the operator about."})


class DamagedFile(Schema):
    """A file of stored usage that is not what was written."""

    path = fields.String(required=True)
    problem = fields.String(required=True)
    rows = fields.Integer(required=True)


class ProblemField(Schema):
    """One bad field: a JSON pointer into the body, or the name of a query parameter or header."""

    pointer = fields.String(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True)
