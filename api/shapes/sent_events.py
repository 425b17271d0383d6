"""The schema of an enforcement event as customer apps send it: one per type, told apart by `event_type` (spec 6)."""

from api.schemas.common import Document
from api.shapes.components import REF, Shapes
from api.shapes.reported import CONTEXTS, variant_name

EVENT = "EnforcementEventBody"


def describe_sent_events(schemas: Document, shapes: Shapes) -> None:
    """Replace the schema of any event, in place, by one for each type; nothing where no operation takes events."""
    if EVENT not in schemas:
        return
    of_any_type = schemas[EVENT]
    mapping = {}
    for event_type, context in CONTEXTS.items():
        name = variant_name(event_type)
        mapping[event_type.value] = REF + name
        schemas[name] = of_any_type | {
            "description": f"{of_any_type['description']} Of type {event_type.value}.",
            "properties": of_any_type["properties"]
            | {"event_type": {"type": "string", "const": event_type.value}, "context": shapes.typed(context)},
        }
    schemas |= shapes.components
    schemas[EVENT] = {
        "oneOf": [{"$ref": reference} for reference in mapping.values()],
        "discriminator": {"propertyName": "event_type", "mapping": mapping},
    }
