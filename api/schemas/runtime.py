"""The runtime config: which one is asked for (spec 5 and 6). Its shape is that of the stored bytes."""

from typing import Any

from marshmallow.fields import Integer
from marshmallow.validate import Range

from api.schemas.common import GivenId, Identifier, Query, choice
from api.shapes.delivered import ConfigEvent
from app.services.delivery.current import MAX_WAIT_SECONDS
from rules.enums import Stage, TargetEnvironment


class SubjectQuery(Query):
    """The four parts of a subject; all are needed."""

    workspace_id = Identifier(required=True)
    segment = GivenId(required=True)
    stage = choice(Stage, required=True)
    target_environment = choice(TargetEnvironment, required=True)


class ConfigQuery(SubjectQuery):
    """A subject, and how long to wait for another config than the one that If-None-Match names."""

    wait = Integer(
        strict=False, validate=Range(0, MAX_WAIT_SECONDS), metadata={"description": "Seconds; 0 answers at once."}
    )


CONFIG_EVENTS: dict[str, Any] = {
    "description": "Server-sent events: a text, or one by one to who reads them as such.",
    "anyOf": [{"type": "string"}, ConfigEvent],
}
