"""Finding: one thing that is missing or wrong, where it is and what mends it (spec 3). Problems are values."""

from dataclasses import dataclass
from enum import StrEnum


class Gate(StrEnum):
    """The step that a finding holds back: `simulate` (and with it approval), `approve`, or none (`advisory`)."""

    SIMULATE = "simulate"
    APPROVE = "approve"
    ADVISORY = "advisory"


@dataclass(frozen=True, slots=True)
class Entity:
    """The record that a finding is about; `id` is None while the record has not been made."""

    type: str
    id: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """A result of a rule.

    `code` is stable and documented; `message` names the record, the problem and the fix; `field` is a dotted path
    from the config version (`rails.margin_floor`, `pools.pool_core.value_unit_id`, `value_units.vu_x.event_mapping`);
    `deep_link` is the path of the screen and field that mends it.
    """

    code: str
    gate: Gate
    message: str
    field: str
    entity: Entity
    deep_link: str

    def as_dict(self) -> dict[str, object]:
        """Plain JSON: `{code, gate, message, field, entity: {type, id}, deep_link}`."""
        return {
            "code": self.code,
            "gate": self.gate.value,
            "message": self.message,
            "field": self.field,
            "entity": {"type": self.entity.type, "id": self.entity.id},
            "deep_link": self.deep_link,
        }
