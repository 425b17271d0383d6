"""The mapping from a file's columns to the fields of events (`avs usage import --map … --set … --ignore …`)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from app.services.usage.fields import Policy, UnreadableInput
from simulation.canonical import Json
from simulation.events import BASE_FIELDS


@dataclass(frozen=True)
class ColumnPlan:
    """`mapping`: target field → source column. `constants`: field → value for every row. `ignore`: columns left out.

    Other columns keep their own names. The plan wins over a column that happens to have a target's name.
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Json] = field(default_factory=dict)
    ignore: Collection[str] = ()

    def require_consistent(self) -> None:
        """Raise UnreadableInput when the plan contradicts itself."""
        columns = list(self.mapping.values())
        for name in self.mapping:
            if name in self.constants:
                raise UnreadableInput(f"{name} is both mapped to a column and set to a constant: choose one")
        for column in columns:
            if columns.count(column) > 1 or column in self.ignore:
                raise UnreadableInput(f"column {column!r} is used twice: map it once, and do not ignore it")
        if "event_id" in self.constants:
            raise UnreadableInput("event_id cannot be a constant: all events but one would be duplicates")

    def targets(self, columns: Collection[str], file: str, policy: Policy) -> dict[str, str]:
        """Target field → source column, for a file that has these columns.

        Raises UnreadableInput, naming the file, when it lacks a column that the plan names or a field that is required.
        """
        for target, column in [*self.mapping.items(), *(("ignore", column) for column in self.ignore)]:
            if column not in columns:
                raise UnreadableInput(
                    f"{file} has no column {column!r}, wanted by {target}: it has {', '.join(columns)}"
                )
        taken = {*self.mapping.values(), *self.ignore, *self.mapping, *self.constants}
        targets = dict(self.mapping) | {column: column for column in columns if column not in taken}
        required = ["ts", "event_type", "customer_id", *([] if policy.segments is not None else ["segment"])]
        for name in required:
            if name not in targets and name not in self.constants:
                raise UnreadableInput(f"{file} has no column {name!r}: map a column to it or set a constant")
        return targets

    def apply(self, event: Json) -> Json:
        """The plan carried out on one JSON event; what is no object is returned as it is, to be rejected later."""
        if not isinstance(event, dict):
            return event
        taken = {*self.mapping.values(), *self.ignore, *self.mapping}
        mapped = {target: event[column] for target, column in self.mapping.items() if column in event}
        return {name: value for name, value in event.items() if name not in taken} | mapped | dict(self.constants)

    @property
    def is_empty(self) -> bool:
        """Whether events pass unchanged."""
        return not (self.mapping or self.constants or self.ignore)


OWN_NAMES = ColumnPlan()
"""The plan of a file whose columns have the names of the fields."""


def column_name(target: str) -> str:
    """The column of a text batch that holds a field."""
    return target if target in BASE_FIELDS else f"d_{target}"
